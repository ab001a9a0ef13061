"""Each operation catches the energies that break its symmetry, and no others."""

from __future__ import annotations

import numpy as np
import pytest

from bench.probes.invariance import OPERATIONS, PROBE
from bench.probes.result import Verdict
from tests.probes.toys import field_of, prediction, toy


def model(energy):
    """The energy with no forces at all: their transform is zero, too."""
    return toy(lambda atoms: prediction(energy(atoms), forces=np.zeros((len(atoms), 3))))


def broken(result) -> set[str]:
    return {m.name.split(" under ")[1] for m in result.measurements if not m.within}


def pair_energy(atoms):
    distances = atoms.get_all_distances(mic=True)
    return float(np.exp(-(distances**2)).sum())


def first_atom_energy(atoms):
    return pair_energy(atoms) + float(np.exp(-(atoms.get_all_distances(mic=True)[0] ** 2)).sum())


def absolute_energy(atoms):
    return pair_energy(atoms) + float(np.cos(atoms.positions).sum())


def upward_energy(atoms):
    """Knows a direction of space but neither an origin nor up from down."""
    vectors = atoms.get_all_distances(mic=True, vector=True)
    return float((np.exp(-(vectors**2).sum(-1)) * vectors[..., 0] ** 2).sum())


def handed_energy(atoms):
    """A triple product of the bonds of each atom, weighted so that the order does not matter."""
    vectors = atoms.get_all_distances(mic=True, vector=True)
    weights = np.exp(-(vectors**2).sum(-1))
    moments = [np.einsum("ij,ijx->ix", weights**power, vectors) for power in (1, 2, 3)]
    return float(100 * np.linalg.det(np.stack(moments, axis=1)).sum())


@pytest.mark.parametrize(
    ("energy", "expected"),
    [
        (pair_energy, set()),
        (first_atom_energy, {"permutation"}),
        (upward_energy, {"rotation"}),
        (handed_energy, {"inversion"}),
        (absolute_energy, {"rotation", "translation", "inversion"}),
    ],
)
def test_operations_find_what_breaks_them(energy, expected):
    result = PROBE.run(model(energy))
    assert broken(result) == expected
    assert result.verdict is (Verdict.failed if expected else Verdict.passed)


def test_forces_have_to_turn_with_the_structure():
    def fixed_forces(atoms):
        return prediction(forces=np.broadcast_to([1.0, 0.0, 0.0], (len(atoms), 3)))

    result = PROBE.run(toy(fixed_forces))
    assert broken(result) == {"rotation", "inversion"}
    forces = {m.name: m.value for m in result.measurements if m.name.startswith("forces")}
    assert forces["forces under inversion"] == pytest.approx(2.0)


def test_the_field_is_inverted_with_the_slab():
    def polar(atoms):
        heights = atoms.positions[:, 2] - atoms.positions[:, 2].mean()
        return prediction(
            field_of(atoms)[2] * float((heights**3).sum()), forces=0 * atoms.positions
        )

    result = PROBE.run(toy(polar))
    assert result.verdict is Verdict.passed
    assert set(OPERATIONS) == {"rotation", "translation", "permutation", "inversion"}
