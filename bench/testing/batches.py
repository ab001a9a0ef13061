"""Whatever is reported of a structure is the same alone and beside smaller and larger ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import ase
import torch
from torch import Tensor

from bench.config.schema import Mode
from bench.models.base import Point
from bench.testing.frames import bulk, cluster, labelled, slab
from bench.testing.small import batch_of

HOW = ("scf.iterations", "scf.residual")  # not what was found; judged by its tolerance


def neighbours_in_a_batch() -> list[ase.Atoms]:
    """Three boundary conditions, each beside structures with fewer and with more atoms."""
    wide = slab().repeat((2, 1, 1))
    wide = labelled(wide, seed=5, field=[0, 0, 0.1])
    return [cluster(), slab(), bulk(), wide, slab(field=-0.1), bulk(charge=0.0)]


def reported(value: Any, prefix: str = "") -> dict[str, Tensor]:
    """Every tensor of a prediction and of what it holds, by name."""
    found: dict[str, Tensor] = {}
    for field in fields(value):
        inner = getattr(value, field.name)
        if is_dataclass(inner):
            found |= reported(inner, f"{field.name}.")
        elif isinstance(inner, dict):
            found |= {f"{field.name}.{key}": item for key, item in inner.items()}
        elif isinstance(inner, Tensor):
            found[prefix + field.name] = inner
    return found


def assert_alone_and_together_are_equal(
    point: Point, mode: Mode, *, structures: Sequence[ase.Atoms] = ()
) -> None:
    """To 1e-10 of each quantity's size, or of one unit where it is smaller.

    Args:
        point: the model.
        mode: of the self-consistency.
        structures: by default ``neighbours_in_a_batch``.
    """
    structures = structures or neighbours_in_a_batch()
    wanted = {"mode": mode, "report_response": True, "compute_polarizability": True}
    together = reported(point(batch_of(point, *structures), **wanted))
    alone = [reported(point(batch_of(point, atoms), **wanted)) for atoms in structures]
    assert set(together) == set(alone[0])
    for name, found in together.items():
        if name in HOW:
            continue
        expected = torch.cat([prediction[name] for prediction in alone])
        scale = max(1.0, float(expected.double().nan_to_num().abs().max()))
        same = torch.isclose(found, expected, rtol=0, atol=1e-10 * scale, equal_nan=True)
        assert same.all(), f"{name}: {found} together, {expected} alone"
