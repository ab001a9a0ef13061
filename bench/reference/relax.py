"""Relaxation of a planned structure at the labels' own level of theory.

The frames are a trajectory as those of dynamics are: the last one is planned and labelled as any
other geometry, so a relaxed structure is no special case of a dataset.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.io import read
from ase.optimize import BFGS

from bench.errors import BenchError
from bench.reference.labelling import NotLabelled, Worker
from bench.reference.sample import kept_frame
from bench.storage import write_frames

LARGEST_FORCE = "largest_force"  # eV/Å, of a frame


class ReferenceForces(Calculator):  # type: ignore[misc]  # ase has no types
    """Energy (eV) and forces (eV/Å) of a planned state at any geometry, one run of CP2K each.

    A run starts from the wave function of the one before: steps are short, and an open shell that
    started afresh could fall into another of its electronic states.
    """

    implemented_properties = ["energy", "forces"]

    def __init__(self, worker: Worker, state: dict[str, Any]) -> None:
        """Calculations in the worker's folder.

        Args:
            worker: runs them, one after the other.
            state: ``info`` of a planned structure: charge, multiplicity, field, k-points.
        """
        super().__init__()
        self._worker, self._state = worker, state
        self._before: Path | None = None

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy", "forces"),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Run CP2K at the present geometry.

        Raises:
            BenchError: no attempt converged.
        """
        super().calculate(atoms, list(properties), list(system_changes))
        structure = self.atoms.copy()
        structure.set_constraint()
        structure.info = dict(self._state)
        try:
            label = self._worker.label(structure, start=self._before)
        except NotLabelled as failure:
            raise BenchError(f"{self._state['uid']}: not converged: {failure}.") from failure
        self._before = self._worker.wave_function(structure)
        self.results = {"energy": label["energy"], "forces": np.array(label["forces"])}


def relax(start: Atoms, calculator: Calculator, out: Path, *, force: float, steps: int) -> Atoms:
    """Move atoms until no force exceeds a limit; goes on where ``out`` ends.

    Args:
        start: where to begin, unless ``out`` has frames.
        calculator: energies and forces.
        out: extended XYZ file; every geometry is added at once, with its largest force.
        force: the limit, eV/Å.
        steps: moves at most in this call.

    Returns:
        The last frame; ``info["largest_force"]`` says whether it is relaxed.

    Raises:
        BenchError: ``out`` holds another structure, or a calculation failed.
    """
    frames: list[Atoms] = read(out, ":") if out.is_file() else []
    if frames and not np.array_equal(frames[-1].numbers, start.numbers):
        raise BenchError(f"{out} holds another structure.", "Name a new file: out=FILE")
    for frame in _moves(frames[-1] if frames else start, calculator, force=force, steps=steps):
        frame.info |= {"trajectory": out.stem}
        if frames and frames[-1].info["step"] == frame.info["step"]:
            frames.pop()  # where the call before ended
        frames.append(frame)
        write_frames(out, frames)
    return frames[-1]


def _moves(begin: Atoms, calculator: Calculator, *, force: float, steps: int) -> Iterator[Atoms]:
    atoms = begin.copy()
    atoms.calc = calculator
    done = int(begin.info.get("step", 0)) if LARGEST_FORCE in begin.info else 0
    dynamics = BFGS(atoms, logfile=None, maxstep=0.1)
    for _ in dynamics.irun(fmax=force, steps=steps):
        frame = kept_frame(atoms, atoms.pbc, done + dynamics.nsteps)
        frame.info[LARGEST_FORCE] = float(np.linalg.norm(atoms.get_forces(), axis=1).max())
        yield frame
