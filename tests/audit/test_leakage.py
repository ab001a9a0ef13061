"""What the audit says of how near test and training set are."""

import numpy as np
import pytest
from ase import Atoms

from bench.audit import leakage
from bench.audit.leakage import describe, distinct, nearness, same_geometries

ELEMENTS = [1, 8]


def dimer(length, uid="a", symbols="O2", **info):
    return Atoms(symbols, [[0, 0, 0], [0, 0, length]], info={"uid": uid, **info})


def told(train, test):
    return nearness(describe(train, ELEMENTS), describe(test, ELEMENTS))


def test_structures_by_hand():
    """Norms of two equal bumps at distances 1.0 and 1.2 Å from centres 0.2 Å apart."""
    structures, atoms = told([dimer(1.0), dimer(1.2), dimer(1.2, symbols="H2")], [dimer(1.0)])
    assert structures.startswith("leakage: 1 of 1 test geometries have training geometries")
    assert "nearest at 0.000, median 0.000" in structures
    within = float(structures.split("training to training: median ")[1].rstrip(")"))
    centres = np.linspace(0.8, 5.0, 22)
    one, other = (
        np.exp(-((r - centres) ** 2) / (2 * 0.25**2)) * np.cos(np.pi * r / 10) ** 2
        for r in (1.0, 1.2)
    )
    expected = np.linalg.norm(one - other) / max(np.linalg.norm(one), np.linalg.norm(other))
    assert within == pytest.approx(expected, abs=5e-4)
    assert "O median 0.000, least 0.0000" in atoms and "H" not in atoms.partition(":")[2]


def test_nothing_to_compare_is_said():
    structures, atoms = told([dimer(1.0)], [dimer(1.0, symbols="H2")])
    assert structures.endswith(
        "0 of 1 test geometries have training geometries of equal composition"
    )
    assert atoms.endswith("none")


@pytest.mark.filterwarnings("error")
def test_atoms_without_neighbours_are_counted_without_a_word_of_nan():
    gas = [dimer(length) for length in (7.0, 12.0)]
    structures, atoms = told(gas, [dimer(9.0), dimer(1.2)])
    assert "nan" not in structures + atoms and "inf" not in structures + atoms
    assert atoms.endswith("none (2 test atoms have no neighbour within 5 Å)")
    structures, atoms = told([dimer(1.2), *gas], [dimer(9.0), dimer(1.2)])
    assert "O median 0.000, least 0.0000 (2 test atoms have no neighbour" in atoms


def test_separated_fragments_are_no_leak_but_the_same_distance_is():
    train = [dimer(7.0, "t0"), dimer(12.0, "t1")]
    assert same_geometries(train, [dimer(9.0, "t2")]) == []
    assert same_geometries(train, [dimer(12.0, "t3")]) == [
        "test t3 has the geometry of training t1"
    ]


def test_a_series_of_fields_is_one_geometry():
    series = [dimer(1.2, str(n), electric_field=[0, 0, n]) for n in range(3)]
    kept = distinct([*series, dimer(1.3, "3")])
    assert [atoms.info["uid"] for atoms in kept] == ["0", "3"]


def test_of_many_atoms_a_part_is_compared_and_said(monkeypatch):
    monkeypatch.setattr(leakage, "_SAMPLE", 3)
    frames = [dimer(1.0 + 0.1 * n) for n in range(5)]
    structures, atoms = told(frames, frames)
    assert "5 of 5 test geometries" in structures and "nearest at 0.000" in structures
    assert atoms.endswith("O median 0.000, least 0.0000 of 3 of 10")
