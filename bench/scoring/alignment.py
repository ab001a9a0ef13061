"""Energies of another zero, moved onto that of the labels by the training split alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ase
import numpy as np
from ase.data import chemical_symbols

from bench.data.statistics import Baseline, fit_baseline
from bench.errors import BenchError
from bench.labels.keys import RELAXED_ENERGY_KEY, TOTAL_CHARGE_KEY
from bench.labels.quantities import ENERGY
from bench.scoring.identity import BASELINE, NONE


@dataclass(frozen=True)
class Alignment:
    """What is added to predicted energies: Σ e_Z, or Σ e_Z + Q Σ s_Z / V.

    The numbers are the least-squares solution for labels less predictions over the training split,
    of minimum norm where compositions are degenerate; ``baseline`` is the same form as what every
    point of the package is given before it is trained, its s_Z the zero of the potential.

    Attributes:
        kind: one of ``ALIGNMENTS``.
        shift: what is added; None where nothing is.
        structures: how many it was fitted on.
        rmse: of the training energies after it, in meV/atom.
    """

    kind: str
    shift: Baseline | None = None
    structures: int = 0
    rmse: float = 0.0

    def apply(self, frames: Sequence[ase.Atoms]) -> None:
        """Add it to the predicted energies, and to those of relaxed structures."""
        for atoms in frames:
            for key in (ENERGY.predicted_key, RELAXED_ENERGY_KEY):
                if self.shift is not None and key in atoms.info:
                    atoms.info[key] = float(atoms.info[key]) + _energy(self, atoms)

    def told(self) -> str:
        """A sentence for people."""
        if self.shift is None:
            return "energies as predicted: not aligned"
        symbols = [chemical_symbols[z] for z in self.shift.elements]
        parts = [f"{s} {e:.4f}" for s, e in zip(symbols, self.shift.atomic_energies)]
        charged = zip(symbols, self.shift.potential_shifts)
        shifts = [f"{s} {v:.3f}" for s, v in charged if self.kind == BASELINE]
        more = f" and, per charge over volume, {', '.join(shifts)} eV Å³/e" if shifts else ""
        return (
            f"energies aligned on {self.structures} training structures by {', '.join(parts)} eV "
            f"per atom{more}; {self.rmse:.3g} meV/atom are left there"
        )


def align(kind: str, frames: Sequence[ase.Atoms], where: str) -> Alignment:
    """The alignment of predictions with the labels.

    Args:
        kind: one of ``ALIGNMENTS``.
        frames: training structures with reference and predicted energies.
        where: names who predicted them, for messages.

    Raises:
        BenchError: an energy that is not finite, or none at all.
    """
    if kind == NONE:
        return Alignment(kind)
    labelled = [a for a in frames if ENERGY.reference_key in a.info]
    if not labelled:
        raise BenchError(f"{where}: no training structure has an energy to align by.", "align=none")
    for atoms in labelled:
        if not np.isfinite(atoms.info[ENERGY.predicted_key]):
            raise BenchError(
                f"{where}: the energy of {atoms.info['uid']} (split=train) is "
                f"{atoms.info[ENERGY.predicted_key]}, and energies are aligned by it.",
                "align=none scores energies as they are.",
            )
    differences = [_difference(atoms, charged=kind == BASELINE) for atoms in labelled]
    elements = tuple(sorted({int(z) for atoms in labelled for z in atoms.numbers}))
    shift = fit_baseline(differences, elements)
    left = [1000.0 * (a.info[ENERGY.reference_key] - shift.energy(a)) / len(a) for a in differences]
    return Alignment(kind, shift, len(labelled), float(np.sqrt(np.mean(np.square(left)))))


def _difference(atoms: ase.Atoms, *, charged: bool) -> ase.Atoms:
    """The structure with what its label has beside the prediction; neutral unless charge counts."""
    bare = ase.Atoms(atoms.numbers, cell=atoms.cell, pbc=atoms.pbc)
    bare.info[TOTAL_CHARGE_KEY] = float(atoms.info[TOTAL_CHARGE_KEY]) if charged else 0.0
    bare.info[ENERGY.reference_key] = float(
        atoms.info[ENERGY.reference_key] - atoms.info[ENERGY.predicted_key]
    )
    return bare


def _energy(alignment: Alignment, atoms: ase.Atoms) -> float:
    bare = ase.Atoms(atoms.numbers, cell=atoms.cell, pbc=atoms.pbc)
    charged = alignment.kind == BASELINE
    bare.info[TOTAL_CHARGE_KEY] = float(atoms.info[TOTAL_CHARGE_KEY]) if charged else 0.0
    assert alignment.shift is not None
    return alignment.shift.energy(bare)
