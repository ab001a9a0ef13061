"""What the base class promises: options, layouts, baseline, and energies part by part."""

from __future__ import annotations

from dataclasses import fields, replace

import ase
import numpy as np
import pytest
import torch
from torch import Tensor

from bench.config.key import entries, keys_in
from bench.config.schema import OWN, Axes, Ensemble, Functional, Guess, ModelConfig, Solver, Update
from bench.density.constants import COULOMB_CONSTANT
from bench.errors import BenchError
from bench.models.base import Inputs, Point, build_point, refuse_unused_options
from bench.models.facts import gather_facts
from bench.models.registry import point_class, point_names
from bench.testing.frames import bulk, cluster, labelled, slab
from tests.models.test_points import batch_of, build, tiny_config

OTHER: dict[str, object] = {  # than the default
    "update": Update.mlp,
    "functional": Functional.nonlinear,
    "nonlocal_energy": False,
    "num_updates": 3,
    "metallic": False,
    "ensemble": Ensemble.constant_fermi_level,
    "fermi_level": -1.0,
    "solver": Solver.anderson,
    "initial_density": Guess.zero,
    "tolerance": 1e-6,
    "max_iterations": 7,
    "mixing": 0.1,
}
NO_DENSITY = {"short_range", "global_embedding"}
SOLVE = {
    "ensemble",
    "fermi_level",
    "solver",
    "initial_density",
    "tolerance",
    "max_iterations",
    "mixing",
}
USED = {
    "polar": {"num_updates", "nonlocal_energy"},
    "scf_levels": SOLVE,
    "scf_qeq": SOLVE,
    "scf_energy_functional": SOLVE | {"functional"},
    "scf_fixed_point": SOLVE | {"update", "nonlocal_energy"},
    "scf_response": SOLVE | {"metallic"},
}


def test_options_are_keys_and_the_help_says_which_points_have_them() -> None:
    using: dict[str, set[str]] = {option: set() for option in keys_in(ModelConfig, OWN)}
    for name in point_names():
        options = point_class(name).options
        assert options <= {field.name for field in fields(ModelConfig)}, name
        for option in options & set(using):
            using[option].add(name)
    told = {entry.name: entry.key.meaning for entry in entries(ModelConfig(name="any"))}
    for option, names in using.items():
        assert set(told[option].partition(":")[0].split(", ")) == names, option


@pytest.mark.parametrize("option", OTHER)
@pytest.mark.parametrize("name", point_names())
def test_a_point_takes_what_it_uses_and_refuses_the_rest(name: str, option: str) -> None:
    config = replace(ModelConfig(name=name), **{option: OTHER[option]})
    if option in USED.get(name, set()):
        refuse_unused_options(point_class(name), config)
        return
    with pytest.raises(BenchError) as refusal:
        refuse_unused_options(point_class(name), config)
    value = f"model.{option}={OTHER[option]}"
    assert refusal.value.problem == f"{value} has no effect on model={name}."
    known = refusal.value.mend.removeprefix(f"Options of {name}: ").rstrip(".").split(", ")
    density = set() if name in NO_DENSITY else {"smearing_width"}
    assert {"r_max"} | density | USED.get(name, set()) <= set(known)
    assert not {option, "name", "axes"} & set(known)


@pytest.mark.parametrize("name", point_names())
def test_backbone_and_words_are_everybodys(name: str) -> None:
    config = ModelConfig(name=name, description="mine", axes=Axes(density="mine"), r_max=4.0)
    refuse_unused_options(point_class(name), config)


@pytest.mark.parametrize(
    ("option", "value", "strangers"),
    [
        ("smearing_width", 1.2, NO_DENSITY),
        ("l_max", 0, NO_DENSITY),
        ("feature_widths", [0.5], set(point_names()) - {"polar", "scf_fixed_point"}),
        ("feature_self_interaction", False, set(point_names()) - {"polar", "scf_fixed_point"}),
        ("dense_limit", 9, {n for n in point_names() if not n.startswith("scf_")}),
    ],
)
def test_options_of_the_density_are_for_points_that_use_them(
    option: str, value: object, strangers: set[str]
) -> None:
    for name in point_names():
        config = replace(ModelConfig(name=name), **{option: value})
        if name in strangers:
            with pytest.raises(BenchError, match=f"model.{option}=.* has no effect on"):
                refuse_unused_options(point_class(name), config)
        else:
            refuse_unused_options(point_class(name), config)


def test_a_refused_point_leaves_random_numbers_and_types_alone() -> None:
    config = replace(tiny_config("fixed_charge"), l_max=1)
    facts, state = gather_facts([cluster()], config), torch.random.get_rng_state()
    with pytest.raises(BenchError):
        build_point(point_class("fixed_charge"), config, facts, dtype=torch.float64, seed=1)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.get_default_dtype() == torch.float32


@pytest.fixture(scope="module")
def model() -> Point:
    return build("scf_qeq")


FRAMES = [cluster(field=(0.1, 0.0, -0.2)), bulk(charge=2.0), slab()]


def close(found: Tensor | None, expected: Tensor | None, atol: float = 1e-12) -> None:
    assert found is not None and expected is not None
    torch.testing.assert_close(found, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("l_max", [0, 1])
def test_layouts_of_atoms_and_of_maps_are_each_others_inverse(model: Point, l_max: int) -> None:
    batch = batch_of(model, *FRAMES)
    inputs = Inputs(batch, model.backbone(batch), model.maps(batch))
    per_atom = batch.labels["multipoles"][:, : (l_max + 1) ** 2]
    padded = inputs.reference_density(l_max)
    assert padded.shape == (3, 9 * (l_max + 1) ** 2)
    close(inputs.per_atom(padded), per_atom, 0)
    close(padded.square().sum(), per_atom.square().sum())  # zero where padded
    first = padded[2, : (l_max + 1) ** 2]  # of the slab, which is not the largest
    assert first.tolist() == FRAMES[2].arrays["REF_multipoles"][0, : (l_max + 1) ** 2].tolist()


def test_the_baseline_is_the_one_that_was_fitted(model: Point) -> None:
    charged = [labelled(atoms, seed=0, charge=1.0) for atoms in (cluster(), slab(field=0.0))]
    frames = [*FRAMES, bulk(charge=-1.0), *charged]
    expected = [model.facts.baseline.energy(atoms) for atoms in frames]
    batch = batch_of(model, *frames)
    assert model.baseline(batch).tolist() == pytest.approx(expected, rel=1e-12)
    shift = model.average_shift(batch)
    assert float(shift[0]) == float(shift[4]) == 0.0  # no average in open boundaries
    assert shift[1] == shift[3] != 0.0 and shift[5] != 0.0
    per_charge = (model.baseline(batch)[1] - model.baseline(batch)[3]) / 3.0
    close(per_charge, shift[1], 1e-9)


def test_the_energy_is_the_sum_of_its_parts(model: Point) -> None:
    batch = batch_of(model, *FRAMES)
    found, maps = model(batch), model.matrices(batch)
    p = batch.dense(found.multipoles).flatten(1)
    with torch.no_grad():
        inputs = Inputs(batch, model.backbone(batch), maps)
        density = model.density(inputs, model.recommended)
        internal = model.internal_energy(inputs, density)
    coulomb = torch.einsum("gi,gij,gj->g", p, maps.coulomb, p) / 2
    field = -(batch.electric_field * found.dipole).sum(1)
    short = batch.per_structure(inputs.nodes.energy).detach()
    expected = {"short_range": short, "internal": internal, "coulomb": coulomb, "field": field}
    for name, part in expected.items():
        close(found.energy_parts[name], part, 1e-10)
    assert found.energy_parts.keys() == {"baseline", *expected}
    assert (coulomb.abs() > 1e-3).all() and (field[[0, 2]].abs() > 1e-6).all()


def test_derivatives_are_those_that_were_asked_for(model: Point) -> None:
    batch = batch_of(model, bulk())
    plain, bare = model(batch), model(batch, compute_forces=False)
    strained = model(batch, compute_forces=False, compute_stress=True)
    assert plain.stress is bare.forces is bare.stress is None
    close(strained.forces, plain.forces, 1e-11)
    assert strained.stress.shape == (1, 3, 3)
    close(strained.stress, strained.stress.mT)
    close(bare.energy, plain.energy)


def test_only_training_keeps_a_graph(model: Point) -> None:
    batch = batch_of(model, slab())
    trained, told = model(batch, training=True), model(batch)
    for name in ("energy", "forces", "multipoles", "dipole", "fermi_level"):
        assert getattr(trained, name).requires_grad, name
        assert not getattr(told, name).requires_grad, name
    assert not batch.positions.requires_grad


@pytest.mark.parametrize("charge", [0.0, 1.0])
def test_the_two_zeros_of_potential_differ_by_a_slabs_second_moment(
    model: Point, charge: float
) -> None:
    """By −2π k_e / V (Σ q z² + 2 d_z z + (σ² + L²/4) Q), z about the cell's centre."""
    layer = labelled(slab(field=0.0), seed=1, charge=charge)
    found = model(batch_of(model, layer, bulk(charge=charge)))
    height, width = layer.cell[2, 2], model.config.smearing_width
    q, _, d, _ = found.multipoles.numpy()[: len(layer)].T
    z = layer.positions[:, 2] - height / 2
    moment = (q * z**2 + 2 * d * z).sum() + (width**2 + height**2 / 4) * charge
    expected = -2 * np.pi * COULOMB_CONSTANT / layer.get_volume() * moment
    apart = found.fermi_level - found.chemical_potential
    assert apart.tolist() == pytest.approx([expected, 0.0], abs=1e-11)
    assert abs(expected) > 1e-3


# One atom

POINTS = [
    "split_charges",
    "polar",
    "scf_response",
    "scf_fixed_point-many_body",
]


def lonely(*, charge: float, pbc: object, field: float = 0.0) -> ase.Atoms:
    atoms = ase.Atoms("O", [[6.0, 6.0, 6.5]], cell=[12.0, 12.0, 13.0], pbc=pbc)
    return labelled(atoms, seed=4, charge=charge, field=(0.0, 0.0, field))


@pytest.mark.parametrize("name", POINTS)
def test_a_single_atom_in_every_boundary_and_among_larger_structures(name: str) -> None:
    point = build(name)
    atoms = [
        lonely(charge=-2.0, pbc=False),
        lonely(charge=0.0, pbc=True),
        lonely(charge=-1.0, pbc=True),
        lonely(charge=0.0, pbc=[True, True, False], field=0.1),
    ]
    found = point(batch_of(point, *atoms, bulk()))
    assert found.energy.isfinite().all() and found.forces.isfinite().all()
    close(found.forces[:3], torch.zeros(3, 3, dtype=torch.float64), 1e-10)
    if point.knows_total_charge:
        expected = torch.tensor([-2.0, 0.0, -1.0, 0.0, 1.0], dtype=torch.float64)
        close(found.total_charge, expected, 1e-10)
        close(found.multipoles[:4, 0], expected[:4], 1e-10)
    alone = point(batch_of(point, *atoms))  # nothing is padded
    close(found.energy[:4], alone.energy, 1e-9)
    close(found.forces[:4], alone.forces, 1e-9)


def test_what_equations_and_energy_need_is_made_once() -> None:
    model, calls = build("local_charges"), []
    batch = batch_of(model, slab())
    inputs = Inputs(batch, model.backbone(batch), model.maps(batch))

    def make(given: Inputs) -> int:
        calls.append(given)
        return len(calls)

    assert inputs.once(make) == inputs.once(make) == 1
    assert replace(inputs, training=True).once(make) == 2  # other inputs, made anew
