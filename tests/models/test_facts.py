"""What is measured on the training set, on structures where the answer is known on paper."""

from __future__ import annotations

import json
from dataclasses import replace

import ase
import numpy as np
import pytest
import torch

from bench.config.schema import ModelConfig
from bench.density.constants import COULOMB_CONSTANT
from bench.models.facts import MIN_NORM, TrainingFacts, gather_facts, graph_settings
from bench.testing.frames import bulk, cluster, labelled, slab

CONFIG = ModelConfig(name="made_up", r_max=1.2)
WIDTH = CONFIG.smearing_width


def ion(charge: float, *, field: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> ase.Atoms:
    """One atom in the middle of an open box, where the applied potential vanishes."""
    box = ase.Atoms("O", [[10.0] * 3], cell=[20.0] * 3)
    atoms = labelled(box, seed=0, charge=charge, field=field)
    atoms.positions[:] = 10.0
    atoms.arrays["REF_multipoles"] = np.array([[charge, 0.0, 0.0, 0.0]])
    return atoms


def own_potential(width: float) -> float:
    """V that a Gaussian of a width sees of a unit Gaussian charge at the same place."""
    return float(COULOMB_CONSTANT * np.sqrt(2 / (np.pi * (WIDTH**2 + width**2))))


def test_the_start_of_a_feature_is_the_potential_of_an_ion() -> None:
    norms = gather_facts([ion(-0.5)], CONFIG).feature_norms
    expected = [0.5 * own_potential(width) for width in CONFIG.feature_widths]
    assert norms == pytest.approx([*expected, MIN_NORM, MIN_NORM], rel=1e-12)


def test_norms_are_root_mean_squares_over_atoms() -> None:
    pair = ion(0.3) + ion(-0.1)  # so far apart that only Coulomb's law is left
    pair.info = ion(0.2).info
    pair.positions[1, 0] += 1e9
    norms = gather_facts([pair, ion(0.9)], CONFIG).feature_norms
    rms = np.sqrt((0.3**2 + 0.1**2 + 0.9**2) / 3)
    expected = [rms * own_potential(width) for width in CONFIG.feature_widths]
    assert norms[:2] == pytest.approx(expected, rel=1e-7)


def test_norms_of_gradients_are_root_mean_squares_of_components() -> None:
    norms = gather_facts([ion(0.0, field=(0.3, 0.0, -0.4))], CONFIG).feature_norms
    assert norms == pytest.approx([MIN_NORM, MIN_NORM, *[0.5 / 3**0.5] * 2], rel=1e-12)


@pytest.mark.parametrize(("l_max", "count"), [(0, 3), (1, 6)])
def test_there_is_a_norm_for_every_kind_and_width(l_max: int, count: int) -> None:
    config = replace(CONFIG, l_max=l_max, feature_widths=[1.0, 1.5, 2.5])
    frames = [slab(), bulk(), cluster()]
    norms = gather_facts(frames, config).feature_norms
    assert len(norms) == count and min(norms) > MIN_NORM


def test_an_atom_that_does_not_feel_itself_has_the_smallest_norm() -> None:
    config = replace(CONFIG, feature_self_interaction=False)
    assert gather_facts([ion(-0.5)], config).feature_norms == (MIN_NORM,) * 4


def unlabelled(atoms: ase.Atoms) -> ase.Atoms:
    del atoms.arrays["REF_multipoles"]
    return atoms


def test_without_a_density_norms_are_ones_and_charges_zero() -> None:
    facts = gather_facts([unlabelled(cluster()), unlabelled(bulk())], CONFIG)
    assert facts.feature_norms == (1.0,) * 4
    assert facts.mean_charges == (0.0,) * 3


def test_a_structure_without_a_density_does_not_count() -> None:
    labelled_only = gather_facts([bulk()], CONFIG)
    mixed = gather_facts([bulk(), unlabelled(slab())], CONFIG)
    assert mixed.feature_norms == labelled_only.feature_norms
    assert mixed.elements == (1, 8, 13, 14)
    charges = dict(zip(mixed.elements, mixed.mean_charges))
    assert charges[1] == charges[13] == 0.0
    assert (charges[8], charges[14]) == labelled_only.mean_charges


def test_mean_charges_are_per_element() -> None:
    frames = [slab(), cluster()]
    facts = gather_facts(frames, CONFIG)
    for z, found in zip(facts.elements, facts.mean_charges):
        charges = [atoms.arrays["REF_multipoles"][atoms.numbers == z, 0] for atoms in frames]
        assert found == pytest.approx(np.concatenate(charges).mean(), abs=1e-12)


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([cluster()], 8 / 6),  # two O-H bonds a molecule, both directions
        ([ion(0.0)], 0.0),
        ([cluster(), ion(0.0)], 8 / 7),
    ],
    ids=["molecules", "atom", "both"],
)
def test_neighbours_are_edges_per_atom(frames: list[ase.Atoms], expected: float) -> None:
    assert gather_facts(frames, CONFIG).avg_num_neighbors == pytest.approx(expected, rel=1e-12)


def test_neighbours_are_counted_through_the_cell() -> None:
    cubic = labelled(ase.Atoms("Al", cell=[2.0] * 3, pbc=True), seed=0)
    for reach, shell in [(1.9, 0), (2.1, 6), (2.9, 18), (3.5, 26)]:
        assert gather_facts([cubic], replace(CONFIG, r_max=reach)).avg_num_neighbors == shell


def test_the_force_scale_is_the_root_mean_square_of_components() -> None:
    atoms = ion(0.0)
    atoms.arrays["REF_forces"] = np.array([[3.0, 0.0, -4.0]])
    assert gather_facts([atoms], CONFIG).force_scale == pytest.approx(5 / 3**0.5, rel=1e-12)


def test_facts_survive_a_file() -> None:
    facts = gather_facts([slab(), bulk(), cluster()], CONFIG)
    again = TrainingFacts.from_dict(json.loads(json.dumps(facts.to_dict())))
    assert again == facts and again.elements == (1, 8, 13, 14)


@pytest.mark.parametrize(
    ("smearing", "features", "narrowest"),
    [(1.5, [1.5, 3.0], 1.5), (1.5, [0.8, 3.0], 0.8), (0.9, [1.5, 3.0], 0.9)],
)
def test_the_narrowest_gaussian_decides_the_reciprocal_cutoff(
    smearing: float, features: list[float], narrowest: float
) -> None:
    config = replace(CONFIG, smearing_width=smearing, feature_widths=features)
    settings = graph_settings(config, (1, 8), torch.float32)
    assert (settings.narrowest_width, settings.cutoff_factor) == (narrowest, 1.5)
    assert (settings.r_max, settings.elements, settings.dtype) == (1.2, (1, 8), torch.float32)


def test_the_potential_varies_as_what_the_elements_mean_leaves() -> None:
    """Two ions of one element: its mean charge lies between, and each has its own Gaussian."""
    facts = gather_facts([ion(0.5), ion(-0.1)], CONFIG)
    assert facts.spreads["charges"] == pytest.approx(0.3)
    assert facts.spreads["potential"] == pytest.approx(0.3 * own_potential(WIDTH))


def test_without_a_density_the_potential_has_no_spread() -> None:
    atoms = ion(0.5)
    atoms.arrays["REF_multipoles"] = atoms.arrays.pop("REF_multipoles")[:, :1]
    assert "potential" not in gather_facts([atoms], CONFIG).spreads
    assert "potential" in gather_facts([atoms], replace(CONFIG, l_max=0)).spreads
