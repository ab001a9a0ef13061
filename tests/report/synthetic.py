"""Shipped reference data with made-up predictions, as a run would write them."""

from __future__ import annotations

import ase
import numpy as np

from bench.config.schema import SystemConfig
from bench.data.dataset import load_dataset
from bench.data.statistics import Baseline


def reference(system: str) -> list[ase.Atoms]:
    """Every structure of a shipped system, for more of them than its test set has; none aside."""
    frames = load_dataset(SystemConfig(name=system)).frames
    chosen = [atoms for split in frames.values() for atoms in split]
    for atoms in chosen:
        atoms.info.pop("aside", None)
    return chosen


def predict(atoms: ase.Atoms, baseline: Baseline | None, *, noise: float = 1.0) -> ase.Atoms:
    """A copy with predictions that err by amounts typical of a trained model, times ``noise``.

    The same structure gets the same error.  The dipole answers 10 % too strongly to the field.
    """
    rng = np.random.default_rng(sum(map(ord, str(atoms.info["uid"]))))
    made = atoms.copy()
    info, n = made.info, len(made)
    info["BASELINE_energy"] = baseline.energy(atoms) if baseline else info["REF_energy"]
    info["PRED_energy"] = info["REF_energy"] + noise * 0.004 * n * rng.normal()
    made.arrays["PRED_forces"] = made.arrays["REF_forces"] + noise * 0.08 * rng.normal(size=(n, 3))
    multipoles = made.arrays["REF_multipoles"]
    made.arrays["PRED_multipoles"] = multipoles + noise * 0.01 * rng.normal(size=(n, 4))
    potential = 3.0 * multipoles[:, 0]
    made.arrays["REF_electrostatic_potential"] = potential
    made.arrays["PRED_electrostatic_potential"] = potential + noise * 0.2 * rng.normal(size=n)
    info["PRED_total_charge"] = float(info["total_charge"])
    if "REF_dipole" in info:
        field = np.asarray(info["electric_field"])
        error = 0.17 * field + np.array([0.0, 0.0, 0.02 * rng.normal()])
        info["PRED_dipole"] = info["REF_dipole"] + noise * error
    if "REF_fermi_level" in info:
        info["PRED_fermi_level"] = info["REF_fermi_level"] + noise * 0.1 * rng.normal()
    info |= {"SCF_iterations": 1, "SCF_residual": 3e-15, "SCF_converged": True}
    info |= {"SCF_response_min": -4.2, "SCF_response_max": -0.1, "charge_blind": False}
    info["smearing_width"] = 1.5
    return made
