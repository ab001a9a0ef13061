"""Structures of the probes: made of the right elements, in boundaries that the models accept."""

from __future__ import annotations

import numpy as np
import pytest

from bench.density.geometry import Boundary
from bench.density.reciprocal import boundary_of
from bench.probes import materials
from bench.probes.result import NotApplicable

WATER, PT, QUARTZ = frozenset("HO"), frozenset({"H", "O", "Pt"}), frozenset({"Si", "O"})


@pytest.mark.parametrize(
    ("make", "elements", "formula", "boundary"),
    [
        (materials.metal_slab, PT, "Pt5", Boundary.SLAB),
        (materials.wet_slab, PT, "H2OPt12", Boundary.SLAB),
        (materials.water_layer, WATER, "H2O", Boundary.SLAB),
        (materials.cut_quartz, QUARTZ, "O6Si3", Boundary.SLAB),
        (materials.quartz, QUARTZ, "O6Si3", Boundary.BULK),
        (materials.metal_crystal, PT, "Pt4", Boundary.BULK),
        (materials.water_pair, WATER, "H4O2", Boundary.OPEN),
    ],
)
def test_materials_are_neutral_and_have_their_boundaries(make, elements, formula, boundary):
    atoms = make(elements)
    assert atoms.get_chemical_formula() == formula
    assert boundary_of(atoms.cell.array, atoms.pbc, "here") == boundary
    assert atoms.info["total_charge"] == 0.0 and not atoms.info["electric_field"].any()
    assert atoms.get_all_distances(mic=True)[~np.eye(len(atoms), dtype=bool)].min() > 0.9


@pytest.mark.parametrize(
    ("elements", "metal"), [({"O", "Pt"}, "Pt"), ({"Al", "Pt"}, "Pt"), ({"H", "Al", "Ar"}, "Al")]
)
def test_the_heaviest_fcc_metal_is_taken_and_no_noble_gas(elements, metal):
    assert materials.metal_of(frozenset(elements)) == metal


@pytest.mark.parametrize(
    ("make", "elements", "reason"),
    [
        (materials.metal_slab, {"O", "Si", "Ar", "Fe"}, "no fcc metal among Ar, Fe, O, Si"),
        (materials.wet_slab, {"O", "Pt"}, "no water: the training set has no H"),
        (materials.quartz, {"H", "C"}, "no quartz: the training set has no O, Si"),
        (materials.polar_slab, {"C"}, "no water: .*; no water: .*; no quartz: "),
    ],
)
def test_missing_elements_are_named(make, elements, reason):
    with pytest.raises(NotApplicable, match=reason):
        make(frozenset(elements))


@pytest.mark.parametrize(
    ("elements", "formula"), [(PT, "H2OPt12"), (WATER, "H2O"), (QUARTZ, "O6Si3")]
)
def test_the_polar_slab_follows_the_elements(elements, formula):
    slab = materials.polar_slab(elements)
    assert slab.get_chemical_formula() == formula
    upside_down = np.sort(-slab.positions[:, 2]) - np.sort(-slab.positions[:, 2]).mean()
    heights = np.sort(slab.positions[:, 2]) - slab.positions[:, 2].mean()
    assert np.abs(upside_down - heights).max() > 0.05


def test_a_slab_is_in_the_middle_of_every_cell():
    slab = materials.wet_slab(PT)
    high = materials.with_height(slab, 77.0)
    assert high.cell[2].tolist() == [0.0, 0.0, 77.0]
    middle = (high.positions[:, 2].min() + high.positions[:, 2].max()) / 2
    assert middle == pytest.approx(38.5)
    np.testing.assert_allclose(high.get_all_distances(), slab.get_all_distances(), atol=1e-12)


def test_a_chain_repeats_one_molecule_with_a_hydrogen_on_the_axis():
    chain = materials.water_chain(WATER, 5)
    molecules = chain.positions.reshape(5, 3, 3)
    steps = np.diff(molecules, axis=0)
    np.testing.assert_allclose(
        steps, np.broadcast_to([0, 0, materials.NEIGHBOUR], steps.shape), atol=1e-12
    )
    assert molecules[0, 1] == pytest.approx([0, 0, 0.97], abs=0.02)


@pytest.mark.parametrize(("elements", "parts"), [(PT, ("H3O", "HO")), (QUARTZ, ("OSi", "O"))])
def test_ions_of_cancelling_formal_charges_are_apart(elements, parts):
    atoms, second = materials.ion_pair(elements, 20.0)
    assert tuple(atoms[mask].get_chemical_formula() for mask in (~second, second)) == parts
    distances = atoms.get_all_distances()
    assert 18.9 < distances[~second][:, second].min() <= 20.0
    assert distances[second][:, second].max(initial=0) < 2


def test_shaking_is_reproducible_and_small():
    pair = materials.water_pair(WATER)
    moved = materials.shaken(pair).positions - pair.positions
    assert 0.01 < np.abs(moved).mean() < 0.1
    np.testing.assert_array_equal(moved, materials.shaken(pair).positions - pair.positions)
