"""The one place where labels have names, units and signs.

Every dataset, every predictions file and every table takes its keys and units from here.
Conventions: energies in eV, lengths in Å, charges in e (positive where electrons are missing),
multipoles in e3nn's order (q, d_y, d_z, d_x), dipoles and fields in Cartesian order (x, y, z),
the electric field is the physical one that the system feels (energy −M·E).
"""

from __future__ import annotations

from dataclasses import dataclass

# e3nn keeps l = 1 as (y, z, x): cartesian = e3nn[..., CARTESIAN_FROM_E3NN], and back.
CARTESIAN_FROM_E3NN = [2, 0, 1]
E3NN_FROM_CARTESIAN = [1, 2, 0]


@dataclass(frozen=True)
class Label:
    """One quantity that a reference calculation or a model gives.

    Attributes:
        name: how code and tables call it.
        unit: its unit.
        per_atom: whether there is a row per atom.
        components: numbers per structure or per atom.
        description: one line with the sign convention.
    """

    name: str
    unit: str
    per_atom: bool
    components: int
    description: str

    @property
    def reference_key(self) -> str:
        """The key of the reference value in an extxyz file."""
        return f"REF_{self.name}"

    @property
    def predicted_key(self) -> str:
        """The key of a model's value in predictions.extxyz."""
        return f"PRED_{self.name}"


ENERGY = Label("energy", "eV", False, 1, "slabs: isolated, in the felt field, −M·E included")
FORCES = Label("forces", "eV/Å", True, 3, "minus the gradient of the energy at fixed field")
MULTIPOLES = Label("multipoles", "e, e Å", True, 4, "order (q, d_y, d_z, d_x)")
DIPOLE = Label("dipole", "e Å", False, 3, "Cartesian; dipole_mask marks meaningful components")
FERMI_LEVEL = Label(
    "fermi_level", "eV", False, 1, "−∂E/∂Q; the cell average of the potential is zero"
)
STRESS = Label("stress", "eV/Å³", False, 9, "∂E/∂ε / V, 3×3; bulk structures only")
POLARIZABILITY = Label(
    "polarizability", "e Å²/V", False, 9, "∂M/∂E at fixed positions and charge, 3×3"
)

LABELS = {
    label.name: label
    for label in (ENERGY, FORCES, MULTIPOLES, DIPOLE, FERMI_LEVEL, STRESS, POLARIZABILITY)
}

# Derived: what an atom's own Gaussian sees of a density and the field, of a unit positive charge.
POTENTIAL = Label("electrostatic_potential", "V", True, 1, "at each atom, from its own Gaussian")

# What a point's energy is the sum of (eV); not every point has all of them.
ENERGY_PARTS = {
    "baseline": "Σ E0 + Q Σ s_Z / V, the same in every point",
    "short_range": "Σ ε_i of the backbone",
    "coulomb": "½ pᵀAp of the Gaussian density",
    "field": "v_app·p: −M·E in the applied field",
    "internal": "what the point itself adds, such as Σ χ q + ½ J q²",
    "reservoir": "μQ of the electrons exchanged at a fixed Fermi level",
}
BASELINE_KEY = "BASELINE_energy"


def energy_part_key(name: str) -> str:
    """The key of a part of the predicted energy in predictions.extxyz."""
    return BASELINE_KEY if name == "baseline" else f"PRED_energy_{name}"


# What every structure must state, beside its labels.
TOTAL_CHARGE_KEY = "total_charge"  # e
ELECTRIC_FIELD_KEY = "electric_field"  # V/Å, Cartesian, felt by the system
APPLIED_FIELD_KEY = "applied_field"  # V/Å, Cartesian, what the calculation was given
DIPOLE_MASK_KEY = "dipole_mask"  # 1 where the component of the dipole is defined
MULTIPLICITY_KEY = "multiplicity"
IDENTITY_KEYS = ("uid", "group", "subset", "split", "trajectory")
SPLITS = ("train", "valid", "test")
