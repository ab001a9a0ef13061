"""Graphs and batches: nothing of a structure changes by being joined with others."""

import numpy as np
import pytest
import torch
from ase.neighborlist import neighbor_list

from bench.data.batch import GraphSettings, build_graph, collate, make_loader
from bench.density.geometry import Boundary
from bench.density.reciprocal import reciprocal_vectors
from bench.errors import BenchError
from bench.labels.quantities import labels
from bench.testing.frames import bulk, cluster, slab

SETTINGS = GraphSettings((1, 8, 13, 14), 3.0, 1.5, 1.5, torch.float32)
STRUCTURES = {"slab": slab, "bulk": bulk, "cluster": cluster}


def batch_of(*frames):
    return collate([build_graph(atoms, SETTINGS, i) for i, atoms in enumerate(frames)])


@pytest.fixture
def mixed():
    """7, 9 and 6 atoms in three boundary conditions."""
    return batch_of(slab(), bulk(), cluster())


@pytest.mark.parametrize("name", STRUCTURES)
def test_edges_are_the_neighbours_that_ase_finds(name):
    atoms = STRUCTURES[name]()
    batch = batch_of(atoms)
    first, second, vectors = neighbor_list("ijD", atoms, SETTINGS.r_max)
    expected = sorted(zip(first, second, *vectors.round(8).T))
    found = sorted(zip(*batch.edge_index.tolist(), *batch.edge_vectors().numpy().round(8).T))
    assert len(found) > 0
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_joining_keeps_each_structures_edges(mixed):
    alone = [batch_of(atoms) for atoms in (slab(), bulk(), cluster())]
    sender, receiver = mixed.edge_index
    assert torch.equal(mixed.structure[sender], mixed.structure[receiver])
    vectors = mixed.edge_vectors()
    for g, single in enumerate(alone):
        own = vectors[mixed.structure[sender] == g]
        torch.testing.assert_close(own, single.edge_vectors(), rtol=0, atol=0)


def test_types_are_those_of_backbone_and_electrostatics(mixed):
    assert mixed.node_attrs.dtype == torch.float32
    for name in ("positions", "unit_shifts", "cell", "k_indices", "total_charge", "electric_field"):
        assert getattr(mixed, name).dtype == torch.float64, name
    assert {value.dtype for value in mixed.labels.values()} == {torch.float64}


def test_one_hot_columns_follow_the_elements(mixed):
    numbers = torch.tensor(SETTINGS.elements)[mixed.node_attrs.argmax(1)]
    assert torch.equal(numbers, mixed.atomic_numbers)
    assert mixed.node_attrs.sum(1).eq(1).all()


def test_an_element_that_the_model_does_not_know_is_named():
    with pytest.raises(BenchError, match=r"structure 4 has Al, .*\n.*H, O\."):
        build_graph(slab(), GraphSettings((1, 8), 3.0, 1.5, 1.5, torch.float64), 4)


def test_dense_and_flat_are_inverse_and_pad_with_zeros(mixed):
    per_atom = torch.arange(1.0, 45.0).reshape(22, 2)
    padded = mixed.dense(per_atom)
    assert padded.shape == (3, 9, 2)
    assert torch.equal(mixed.flat(padded), per_atom)
    assert padded[0, 7:].eq(0).all() and padded[2, 6:].eq(0).all()
    assert padded.sum() == per_atom.sum()


def test_sums_per_structure_do_not_mix(mixed):
    assert mixed.num_atoms.tolist() == [7, 9, 6] and mixed.num_structures == 3
    sums = mixed.per_structure(mixed.labels["multipoles"][:, 0])
    torch.testing.assert_close(sums, mixed.total_charge, rtol=0, atol=1e-12)
    assert mixed.total_charge.tolist() == [0.0, 1.0, 0.0]


def test_dense_passes_derivatives(mixed):
    positions = mixed.positions.clone().requires_grad_()
    mixed.dense(positions).square().sum().backward()
    torch.testing.assert_close(positions.grad, 2 * positions.detach(), rtol=0, atol=0)


def test_geometry_is_that_of_the_structures(mixed):
    geometry = mixed.geometry()
    assert geometry.mask.sum(1).tolist() == [7, 9, 6]
    assert geometry.boundary.tolist() == [Boundary.SLAB, Boundary.BULK, Boundary.OPEN]
    volumes = [slab().cell.volume, bulk().cell.volume, 1.0]
    assert geometry.volume.tolist() == pytest.approx(volumes, rel=1e-12)
    assert geometry.electric_field[0].tolist() == [0.0, 0.0, 0.2]
    assert torch.equal(geometry.positions[2, :6], torch.as_tensor(cluster().positions))


def test_reciprocal_vectors_are_padded_by_the_mask(mixed):
    counts = mixed.k_mask.sum(1).tolist()
    alone = [len(build_graph(atoms, SETTINGS).k_indices) for atoms in (slab(), bulk(), cluster())]
    assert counts == alone and counts[2] == 0 and max(counts) == mixed.k_indices.shape[1]
    lengths = reciprocal_vectors(mixed.geometry()).norm(dim=2)
    assert lengths[mixed.k_mask].min() > 0 and lengths[~mixed.k_mask].eq(0).all()


def test_the_vacuum_of_a_slab_is_its_own():
    """Reciprocal vectors and volume follow the cell of the file, whatever its height."""
    low, high = batch_of(slab(height=22.0)), batch_of(slab(height=44.0))
    assert (high.geometry().volume / low.geometry().volume).item() == pytest.approx(2.0, rel=1e-12)
    assert low.edge_index.shape == high.edge_index.shape
    assert high.k_mask.sum() / low.k_mask.sum() == pytest.approx(2.0, rel=0.1)


def test_a_molecule_in_a_box_keeps_the_box():
    atoms = cluster()
    atoms.set_cell([12.0, 13.0, 14.0])
    graph = build_graph(atoms, SETTINGS)
    assert torch.equal(graph.cell, torch.diag(torch.tensor([12.0, 13.0, 14.0]).double()))
    assert graph.boundary == Boundary.OPEN and len(graph.k_indices) == 0


def test_labels_have_the_shapes_of_predictions(mixed):
    shapes = {name: tuple(value.shape) for name, value in mixed.labels.items()}
    assert shapes == {
        "energy": (3,),
        "forces": (22, 3),
        "multipoles": (22, 4),
        "dipole": (3, 3),
        "fermi_level": (3,),
        "stress": (3, 9),
        "polarizability": (3, 9),
        "total_charge": (3,),
    }
    assert mixed.labels["energy"].tolist() == [a().info["REF_energy"] for a in STRUCTURES.values()]
    assert np.array_equal(mixed.labels["forces"][7:16], bulk().arrays["REF_forces"])


@pytest.mark.parametrize("missing", labels().values(), ids=lambda label: label.name)
def test_a_missing_label_is_missing_there_alone(missing):
    make = bulk if missing.name == "stress" else cluster
    atoms = make()
    del (atoms.arrays if missing.per_atom else atoms.info)[missing.reference_key]
    batch = batch_of(atoms, make())
    for name, has in batch.has.items():
        first, second = has.reshape(2, -1).any(1).tolist()
        assert first == (second and name != missing.name)
    assert batch.has[missing.name][1].all()
    values = batch.labels[missing.name]
    assert values[: len(values) // 2].eq(0).all() and values[len(values) // 2 :].abs().max() > 0


def test_the_dipole_counts_where_its_mask_does(mixed):
    assert mixed.has["dipole"].tolist() == [[False, False, True], [False] * 3, [True] * 3]
    assert mixed.has["energy"].tolist() == [True, True, True]
    unmasked = cluster()
    del unmasked.info["dipole_mask"]
    assert not batch_of(unmasked).has["dipole"].any()


@pytest.mark.parametrize("columns", [(6,), (6, 1)])
def test_charges_may_be_known_without_dipoles(columns):
    atoms = cluster()
    charges = atoms.arrays["REF_multipoles"][:, 0]
    del atoms.arrays["REF_multipoles"]
    atoms.arrays["REF_multipoles"] = charges.reshape(columns)
    batch = batch_of(atoms, cluster())
    assert batch.has["multipoles"].tolist() == [[True, False, False, False], [True] * 4]
    assert batch.labels["multipoles"][:6, 0].tolist() == charges.tolist()
    assert batch.labels["multipoles"][:6, 1:].eq(0).all()
    assert [batch.has_density(l_max).tolist() for l_max in (0, 1)] == [[True, True], [False, True]]


def test_stress_is_that_of_a_crystal_and_polarisability_needs_both_dipoles(mixed):
    assert mixed.has["stress"].tolist() == [[k == 1] * 9 for k in range(3)]
    zz = [*[False] * 8, True]
    assert mixed.has["polarizability"].tolist() == [zz, [False] * 9, [True] * 9]
    strained = slab()
    strained.info["REF_stress"] = np.eye(3)
    assert not batch_of(strained).has["stress"].any()


def test_a_copy_on_a_device_has_everything(mixed):
    moved = mixed.to("meta")
    assert moved.positions.device.type == moved.labels["forces"].device.type == "meta"
    assert moved.has["dipole"].device.type == moved.k_mask.device.type == "meta"
    assert mixed.positions.device.type == "cpu"


@pytest.mark.parametrize(("size", "counts"), [(1, [1] * 5), (2, [2, 2, 1]), (7, [5])])
def test_a_loader_without_generator_keeps_the_order(size, counts):
    frames = [cluster(), slab(), bulk(), slab(), cluster()]
    batches = list(make_loader(frames, SETTINGS, batch_size=size))
    assert [batch.num_structures for batch in batches] == counts
    assert torch.cat([batch.index for batch in batches]).tolist() == [0, 1, 2, 3, 4]
    assert torch.cat([batch.num_atoms for batch in batches]).tolist() == [6, 7, 9, 7, 6]


def test_a_generator_draws_a_new_order_each_epoch():
    def orders(seed):
        generator = torch.Generator().manual_seed(seed)
        loader = make_loader([cluster()] * 12, SETTINGS, batch_size=5, generator=generator)
        return [torch.cat([b.index for b in loader]).tolist() for _ in range(2)]

    first, second = orders(0)
    assert sorted(first) == sorted(second) == list(range(12)) and first != second
    assert orders(0) == [first, second] and orders(1) != [first, second]


def test_no_structures_are_no_batches():
    assert list(make_loader([], SETTINGS, batch_size=2)) == []
