"""Keys in files beside those of quantities: what structures state, what a solve reports."""

from __future__ import annotations

# Multipoles keep l = 1 as (y, z, x), m = −1, 0, 1 of real spherical harmonics about z, as
# graph-longrange does; cartesian = spherical[..., CARTESIAN_FROM_SPHERICAL], and back.  e3nn
# returns l = 1 in the order of its input: (x, y, z) of (x, y, z).
CARTESIAN_FROM_SPHERICAL = [2, 0, 1]
SPHERICAL_FROM_CARTESIAN = [1, 2, 0]

# What every structure must state, beside its labels.
TOTAL_CHARGE_KEY = "total_charge"  # e
ELECTRIC_FIELD_KEY = "electric_field"  # V/Å, Cartesian, felt by the system
IDENTITY_KEYS = ("uid", "group", "subset", "split", "trajectory")
SPLITS = ("train", "valid", "test")

# What it may state.
APPLIED_FIELD_KEY = "applied_field"  # V/Å, Cartesian, what the calculation was given
DIPOLE_MASK_KEY = "dipole_mask"  # 1 where the component of the dipole is defined
MULTIPLICITY_KEY = "multiplicity"
ASIDE_KEY = "aside"  # true where no number over all test structures counts it, only its subset's
HIRSHFELD_KEY = "REF_hirshfeld_charges"  # e, of the reference code itself
MULLIKEN_KEY = "REF_mulliken_charges"  # e
MACE_CHARGES_KEY = "REF_charges"  # e, what mace-torch calls charges
VACANCY_SITE_KEY = "vacancy_site"  # Å, where the removed atom was
# Valence electrons per Å on equally spaced planes from z = 0 to the cell's top; of test slabs.
ELECTRON_PROFILE_KEY = "REF_electron_profile"
# Of the perfect host, its ions held and free, for corrections of a charged cell's images.
DIELECTRIC_KEY = "dielectric_constants"
FOR_METRICS = {
    VACANCY_SITE_KEY: 3,
    DIELECTRIC_KEY: 2,
    ELECTRON_PROFILE_KEY: None,
}  # how many numbers
RELAXED_SUBSET = "relaxed"  # minima of the reference, from which a model goes to its own

# What a prediction has beside its quantities.
BASELINE_KEY = "BASELINE_energy"  # eV, of the training set's elements: no model needed
CHARGE_BLIND_KEY = "charge_blind"  # whether the point does not know the total charge
SECONDS_KEY = "PRED_seconds"  # s, that a calculator took for energy and forces
CHEMICAL_POTENTIAL_KEY = "PRED_chemical_potential"  # eV, the Fermi level in the energy's zero
FERMI_LEVEL_GAP_KEY = "SCF_fermi_level_gap"  # eV
ITERATIONS_KEY = "SCF_iterations"
RESIDUAL_KEY = "SCF_residual"  # e
CONVERGED_KEY = "SCF_converged"
RESPONSE_MIN_KEY = "SCF_response_min"  # smallest and largest Re λ of the response ∂F/∂p
RESPONSE_MAX_KEY = "SCF_response_max"
SMEARING_WIDTH_KEY = "smearing_width"  # Å, of the Gaussians that its multipoles stand for
RELAXED_POSITIONS_KEY = "PRED_relaxed_positions"  # Å, the model's minimum
RELAXED_ENERGY_KEY = "PRED_relaxed_energy"  # eV
RELAXED_CONVERGED_KEY = "PRED_relaxed_converged"  # whether it was reached

# What a point's energy is the sum of (eV); not every point has all of them.
ENERGY_PARTS = {
    "baseline": "Σ E0 + Q Σ s_Z / V, the same in every point",
    "short_range": "Σ ε_i of the backbone",
    "coulomb": "½ pᵀAp of the Gaussian density",
    "field": "v_app·p: −M·E in the applied field",
    "internal": "what the point itself adds, such as Σ χ q + ½ J q²",
    "reservoir": "μQ of the electrons exchanged at a fixed Fermi level",
}


def energy_part_key(name: str) -> str:
    """The key of a part of the predicted energy in predictions.extxyz."""
    return BASELINE_KEY if name == "baseline" else f"PRED_energy_{name}"
