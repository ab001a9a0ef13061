"""Layers of metal and what is on them, by elements and heights."""

import ase
import numpy as np
import pytest
from ase.build import fcc111

from bench.evaluate.layers import is_metal, metal_layers, slab_parts


def test_a_rough_slab_has_its_layers_from_below() -> None:
    atoms = fcc111("Pt", (2, 2, 3), vacuum=8.0)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(atoms))
    shaken = atoms[order]
    shaken.positions += rng.uniform(-0.3, 0.3, size=(len(atoms), 3))
    found = metal_layers(shaken)
    expected = [sorted(np.flatnonzero(order // 4 == layer)) for layer in range(3)]
    assert [sorted(layer) for layer in found] == expected


def test_parts_are_layers_and_the_rest_by_its_formula() -> None:
    atoms = ase.Atoms("OH2PtOH2Pt", [[0, 0, z] for z in (9, 9, 9, 2, 10, 10, 10, 5)])
    parts = {name: indices.tolist() for name, indices in slab_parts(atoms).items()}
    assert parts == {"layer 1": [3], "layer 2": [7], "H2O": [0, 1, 2, 4, 5, 6]}
    assert is_metal(atoms).sum() == 2


@pytest.mark.parametrize(("symbols", "names"), [("Al2", ["layer 1"]), ("SiO2", ["O2Si"])])
def test_a_metal_alone_has_no_rest_and_an_insulator_no_layers(symbols, names) -> None:
    assert list(slab_parts(ase.Atoms(symbols, np.zeros((len(ase.Atoms(symbols)), 3))))) == names
