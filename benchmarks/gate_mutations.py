"""What ``bench regress`` notices: ten unchanged trainings of every cell, and those of broken code.

Unchanged ones have first weights that are disturbed as by a million roundings, each differently.
Broken are the sign of the field's energy, the energy of an atom's own Gaussian, and the weight of
the forces, which a tenth is taken from. All numbers go to tests/gate/recorded.json with the
baselines of that day, where the tests judge them; some ten minutes of CPU time.

    python benchmarks/gate_mutations.py [CELL ...]; all cells unless named
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from torch import Tensor

from bench.density import coulomb, operator
from bench.density.coulomb import applied_entries, own_entries
from bench.density.geometry import Geometry
from bench.gate.baseline import Baseline, gather, read_baseline
from bench.gate.cells import Cell, read_cells
from bench.gate.training import train_cell
from bench.models.base import Inputs, Point
from bench.storage import write_json
from bench.train import loop
from bench.train.losses import Squares, weighted_loss

BASELINES, OUT = Path("results/baselines"), Path("tests/gate/recorded.json")
UNCHANGED = range(101, 111)  # seeds of the disturbances: not those of the baselines


@contextmanager
def wrong_field_sign() -> Iterator[None]:
    """The density is drawn along the force on an electron."""

    def wrong(geometry: Geometry, l_max: int) -> Tensor:
        return -applied_entries(geometry, l_max)

    with (
        patch.object(coulomb, "applied_entries", wrong),
        patch.object(operator, "applied_entries", wrong),
    ):
        yield


@contextmanager
def wrong_self_interaction() -> Iterator[None]:
    """The energy counts an atom's own Gaussian twice."""
    right = Point._coulomb_energy

    def wrong(self: Point, inputs: Inputs, p: Tensor, potential: Tensor) -> Tensor:
        width = self.config.smearing_width
        own = own_entries(inputs.batch.geometry(), width, width, self.config.l_max)
        return right(self, inputs, p, potential) + (own * p * p).sum(1) / 2

    with patch.object(Point, "_coulomb_energy", wrong):
        yield


@contextmanager
def lighter_forces() -> Iterator[None]:
    """Nine tenths of the forces' weight."""

    def wrong(squares: Mapping[str, Squares], factors: Mapping[str, float]) -> Tensor:
        return weighted_loss(squares, {**factors, "forces": 0.9 * factors["forces"]})

    with patch.object(loop, "weighted_loss", wrong):
        yield


MUTATIONS = {
    "wrong_field_sign": wrong_field_sign,
    "wrong_self_interaction": wrong_self_interaction,
    "lighter_forces": lighter_forces,
}


def numbers(cell: Cell, place: str, rounding: int = 0) -> Baseline:
    """What one training gives."""
    return gather(cell, [train_cell(cell, Path(place), rounding=rounding)], [], {})


def recorded(cell: Cell, baseline: Baseline) -> dict[str, object]:
    """Everything about a cell."""
    found: dict[str, object] = {"baseline": asdict(baseline)}
    unchanged = []
    for rounding in UNCHANGED:
        with TemporaryDirectory() as place:
            unchanged.append(asdict(numbers(cell, place, rounding)))
    found["unchanged"] = unchanged
    for name, mutation in MUTATIONS.items():
        with TemporaryDirectory() as place, mutation():
            found[name] = asdict(numbers(cell, place))
        print(cell.name, name, flush=True)
    return found


def main(*names: str) -> None:
    """Train the cells and put what they give into the file."""
    content = json.loads(OUT.read_text()) if OUT.is_file() else {}
    for cell in read_cells(BASELINES, names):
        baseline = read_baseline(BASELINES, cell)
        assert baseline is not None, "first: bench regress update=true"
        content[cell.name] = recorded(cell, baseline)
        write_json(OUT, content)


if __name__ == "__main__":
    main(*sys.argv[1:])
