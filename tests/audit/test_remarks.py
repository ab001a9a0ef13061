"""Odd structures are told, with how many and which; ordinary ones are not."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from bench.audit.remarks import listed, structure_remarks, valence_electrons


def water(charge=0.0):
    atoms = molecule("H2O")
    atoms.info["total_charge"] = charge
    atoms.arrays["REF_forces"] = np.full((3, 3), 0.1)
    return atoms


def filler():
    atoms = water()
    atoms.arrays["REF_forces"][:] = 0.0
    return atoms


def squeezed():
    atoms = water()
    atoms.set_distance(1, 2, 0.25)
    return atoms


def with_a_far_atom():
    atoms = water() + Atoms("He", [[0, 0, 7.0]])
    atoms.arrays["REF_forces"][:] = 0.1
    return atoms


@pytest.mark.parametrize(
    ("odd", "line"),
    [
        (filler, "all forces exactly zero, a filler?: 1 of 3 structures: b (3 atoms)"),
        (squeezed, "nearer than 0.5 of their covalent radii: 1 of 3 structures: b (H 1 and H 2, 0"),
        (with_a_far_atom, "without a neighbour within 5 Å: 1 of 3 structures: b (He 3)"),
        (lambda: water(10.0), "valence electrons: 1 of 3 structures: b (+10 e, 8 valence"),
        (lambda: water(-9.0), "valence electrons: 1 of 3 structures: b (-9 e, 8 valence"),
    ],
)
def test_an_odd_structure_is_told(odd, line):
    (told,) = structure_remarks([water(), odd(), water(1.0)], ["a", "b", "c"])
    assert line in told


def test_what_is_ordinary_is_not_told():
    hydrogen = molecule("H2")
    hydrogen.set_distance(0, 1, 0.5)
    crystal = bulk("Xe", "fcc", 6.2)  # nearest neighbours at 4.4 Å, each an image of the one atom
    free = Atoms("H")
    for atoms in (hydrogen, crystal, free):
        atoms.info["total_charge"] = 0.0
        atoms.arrays["REF_forces"] = np.zeros((len(atoms), 3))
    hydrogen.arrays["REF_forces"][1, 2] = 1e-8
    assert structure_remarks([hydrogen, crystal], ["a", "b"]) == []
    (alone,) = structure_remarks([free], ["a"])  # a free atom's force is zero, its edges are none
    assert alone == "atoms without a neighbour within 5 Å: 1 of 1 structures: a (H 0)"


@pytest.mark.parametrize(
    ("symbol", "electrons"),
    [("H", 1), ("He", 2), ("O", 6), ("Na", 1), ("Si", 4), ("Fe", 8), ("Zn", 12), ("Ga", 3)]
    + [("I", 7), ("Ba", 2), ("Yb", 16), ("Hf", 4), ("Pt", 10), ("Pb", 4), ("Rn", 8), ("U", 6)],
)
def test_valence_electrons(symbol, electrons):
    assert valence_electrons(Atoms(symbol).numbers[0]) == electrons


def test_many_are_cut_short():
    assert listed(["a", "b"]) == "a, b"
    assert listed(list("abcdefgh")) == "a, b, c, d, e and 3 more"
