"""Units that files of other people have, by the unit in which we keep the same quantity."""

from __future__ import annotations

from ase import units

from bench.density.constants import COULOMB_CONSTANT
from bench.labels.quantities import Quantity

_DIPOLE = {"eA": 1.0, "e_bohr": units.Bohr, "debye": units.Debye}
FILE_UNITS: dict[str, dict[str, float]] = {
    "eV": {"eV": 1.0, "hartree": units.Hartree, "kcal/mol": units.kcal / units.mol},
    "eV/Å": {"eV/A": 1.0, "hartree/bohr": units.Hartree / units.Bohr},
    "e, e Å": _DIPOLE,  # of the dipoles; charges are in e
    "e Å": _DIPOLE,
    "eV/Å³": {
        "eV/A^3": 1.0,
        "GPa": units.GPa,
        "kbar": 0.1 * units.GPa,
        "kbar_vasp": -0.1 * units.GPa,  # pressure positive; six numbers are xx yy zz xy yz zx
        "eV": -1.0,  # a virial, −∂E/∂ε; divided by the volume
    },
    "e Å²/V": {  # the volume α / 4πε₀ of quantum chemistry is k_e times ∂M/∂E
        "eA^2/V": 1.0,
        "A^3": 1.0 / COULOMB_CONSTANT,
        "bohr^3": units.Bohr**3 / COULOMB_CONSTANT,
    },
    "V/Å": {"V/A": 1.0, "au": units.Hartree / units.Bohr},
    "Å": {"A": 1.0, "bohr": units.Bohr},
}


def file_units(quantity: Quantity) -> dict[str, float]:
    """Factor to our unit by the name of a file's unit; our own where nothing else is known."""
    return FILE_UNITS.get(quantity.unit, {quantity.unit: 1.0})
