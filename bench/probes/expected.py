"""What each point of the design space is known to get wrong, by measurement: findings, no failures.

A number beyond its bar that is not listed here is a failure of the model or of the code.
"""

from __future__ import annotations

_QEQ_FRACTION = "the energy is a parabola in the charge that flows, so that ions keep fractions"
_CONDUCTOR = "charge flows between all atoms, so that {} polarises N molecules as N³"
_NO_RESPONSE = "its density does not respond to a field"
_NOT_VARIATIONAL = "its energy is not variational: −dE/dfield differs from the density's dipole"
_NOT_STATIONARY = "its energy is not stationary in the density: charge that moves along does work"
_FREE_CHARGE = "charges are read off each atom's environment, and nothing makes ions whole"
_SHIFT = "what its charges lack of the total charge is spread over all atoms, however far apart"
_FEW_UPDATES = "its few updates of the field do not reach self-consistency"
_SHORT = "atoms feel each other within the reach of their features alone"
_TOLD = "the total charge is told to every atom of a structure, however far from where it sits"
_ONE_LEVEL = "charge flows until one Fermi level holds in a structure, however far apart its parts"

EXPECTED: dict[str, dict[str, str]] = {
    "short_range": {"missing attraction of ions": _SHORT},
    "global_embedding": {
        "missing attraction of ions": _SHORT,
        "energy of a bystander": _TOLD,
    },
    "les": {"missing attraction of ions": _FREE_CHARGE},
    "fixed_charge": {"unscreened potential": _NO_RESPONSE, "energy of a bystander": _SHIFT},
    "local_charges": {"fractional charge": _FREE_CHARGE, "unscreened potential": _NO_RESPONSE},
    "split_charges": {"unscreened potential": _NO_RESPONSE, "energy of a bystander": _SHIFT},
    "scf_response": {"energy of a bystander": _SHIFT},
    "scf_qeq": {
        "fractional charge": _QEQ_FRACTION,
        "chain exponent": _CONDUCTOR.format("QEq"),
        "energy of a bystander": _ONE_LEVEL,
    },
    "scf_energy_functional": {
        "fractional charge": _QEQ_FRACTION,
        "chain exponent": _CONDUCTOR.format("the functional"),
        "energy of a bystander": _ONE_LEVEL,
    },
    "scf_fixed_point": {
        "fractional charge": "one Fermi level for all atoms moves fractions between distant ions",
        "chain exponent": _CONDUCTOR.format("the map"),
        "energy of a bystander": _ONE_LEVEL,
        "error of Coulomb's law": _NOT_STATIONARY,
        "dipole against −dE/dfield": _NOT_VARIATIONAL,
    },
    "polar": {
        "fractional charge": _SHIFT,
        "energy of a bystander": _SHIFT,
        "chain exponent": "each charge follows the potential where it is, as in a conductor",
        "unscreened potential": _FEW_UPDATES,
        "error of Coulomb's law": _NOT_STATIONARY,
        "dipole against −dE/dfield": _NOT_VARIATIONAL,
    },
}


def expected(point: str, measurement: str) -> str:
    """Why a measurement of a point may be beyond its bar; empty where it may not."""
    return EXPECTED.get(point, {}).get(measurement, "")
