"""Structures with reference and predicted labels, as predictions.extxyz holds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ase
import numpy as np

from bench.data.statistics import TrainingMeans
from bench.runs.records import Evaluation, MetricRecord


def training_means(
    *,
    dipole: list[float] | None = None,
    fermi_level: float | None = None,
    multipoles: dict[str, list[float]] | None = None,
) -> TrainingMeans:
    """Means of what is given."""
    structure = {"dipole": dipole, "fermi_level": None if fermi_level is None else [fermi_level]}
    return TrainingMeans(
        {name: row for name, row in structure.items() if row is not None},
        {} if multipoles is None else {"multipoles": multipoles},
    )


MEANS = training_means(
    dipole=[0.0, 0.0, 0.5], fermi_level=1.0, multipoles={"78": [0.1, 0.0, 0.0, 0.2]}
)
SLAB = (True, True, False)


def frame(
    *,
    group: str = "g0",
    subset: str = "interface",
    charge: float = 0,
    field: float = 0.0,
    energy: tuple[float, float] = (0.0, 0.0),
    baseline: float = 0.0,
    dipole: tuple[float, float] | None = None,
    pbc: tuple[bool, bool, bool] = SLAB,
    cell: tuple[float, float, float] = (5.0, 5.0, 20.0),
    atoms: int = 2,
    **info: Any,
) -> ase.Atoms:
    """Atoms of Pt; ``energy`` and ``dipole`` (along z) are (reference, predicted) pairs.

    Forces, multipoles and Fermi level agree with the reference, all zero.
    """
    zero = np.zeros((atoms, 4))
    made = ase.Atoms(f"Pt{atoms}", np.arange(3.0 * atoms).reshape(-1, 3), cell=cell, pbc=pbc)
    for source in ("REF", "PRED"):
        made.arrays[f"{source}_forces"] = zero[:, :3].copy()
        made.arrays[f"{source}_multipoles"] = zero.copy()
        made.info[f"{source}_fermi_level"] = 0.0
    made.info |= {"REF_energy": energy[0], "PRED_energy": energy[1], "BASELINE_energy": baseline}
    made.info |= {"group": group, "subset": subset, "split": "test", "trajectory": "t", "uid": "u"}
    made.info |= {"total_charge": charge, "PRED_total_charge": float(charge)}
    made.info |= {"electric_field": np.array([0.0, 0.0, field]), "charge_blind": False}
    if dipole is not None:
        made.info["dipole_mask"] = np.array([0, 0, 1])
        made.info["REF_dipole"] = np.array([0.0, 0.0, dipole[0]])
        made.info["PRED_dipole"] = np.array([7.0, 7.0, dipole[1]])
    made.info |= info
    return made


def solved(
    made: ase.Atoms, *, iterations: int = 1, converged: bool = True, high: float = 0.5
) -> ase.Atoms:
    """The same structure with the report of a solve."""
    made.info |= {"SCF_iterations": iterations, "SCF_residual": 1e-9, "SCF_converged": converged}
    made.info |= {"SCF_response_min": -2.0, "SCF_response_max": high}
    return made


def only(evaluation: Evaluation, name: str, subset: str = "all") -> MetricRecord:
    """The one record with this name and subset."""
    found = [r for r in evaluation.records if (r.name, r.subset) == (name, subset)]
    assert len(found) == 1, (name, subset, sorted({(r.name, r.subset) for r in evaluation.records}))
    return found[0]


def value(evaluation: Evaluation, name: str, subset: str = "all") -> float:
    """Its value."""
    return only(evaluation, name, subset).value


def responding(
    atoms: ase.Atoms,
    *,
    fields: Sequence[float] = (-0.2, 0.0, 0.1, 0.3),
    group: str = "g0",
    offset: float = 1.0,
    **slopes: dict[str, Any],
) -> list[ase.Atoms]:
    """A series of one geometry whose properties are linear in a field along z.

    Args:
        atoms: the geometry.
        fields: in V/Å.
        group: of all.
        offset: of every property without field.
        slopes: by source, ``REF`` and ``PRED``: per field the ``dipole`` along z (e Å²/V), the
            ``charges`` [n] and ``dipoles`` [n] along z of atoms, and their ``forces`` [n, 3].
    """
    made = []
    for strength in fields:
        one = atoms.copy()
        one.info |= {"group": group, "subset": "field_series", "split": "test", "uid": "u"}
        one.info |= {"total_charge": 0, "electric_field": np.array([0.0, 0.0, strength])}
        one.info |= {"dipole_mask": np.array([0, 0, 1]), "trajectory": "t"}
        for source, given in slopes.items():
            multipoles = np.full((len(atoms), 4), offset)
            multipoles[:, 0] += strength * np.asarray(given.get("charges", 0.0))
            multipoles[:, 2] += strength * np.asarray(given.get("dipoles", 0.0))
            one.arrays[f"{source}_multipoles"] = multipoles
            force = strength * np.asarray(given.get("forces", np.zeros((len(atoms), 3))))
            one.arrays[f"{source}_forces"] = offset + force
            dipole = offset + strength * given.get("dipole", 0.0)
            one.info[f"{source}_dipole"] = np.array([7.0, 7.0, dipole])
        made.append(one)
    return made
