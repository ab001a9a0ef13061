"""What a file says of its boundary conditions against what the user says."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, graphene, molecule

from bench.errors import BenchError
from bench.reference.import_boundary import made_whole, reconcile
from tests.reference.imported import ethanol_cut_by_a_face

HERE = Path("mine.xyz")


def boxed(name, size, pbc=True):
    return molecule(name, cell=[size] * 3, pbc=pbc)


def test_a_molecule_cut_by_a_face_is_put_together():
    atoms, distances = ethanol_cut_by_a_face()
    assert atoms.get_all_distances().max() > 12.0
    assert made_whole(atoms).get_all_distances() == pytest.approx(distances, abs=1e-9)


def test_two_molecules_that_touch_stay_beside_each_other():
    dimer = Atoms("Ar2", [[0.1, 0, 0], [8.5, 0, 0]], cell=[12.0] * 3, pbc=True)
    assert made_whole(dimer).get_distance(0, 1) == pytest.approx(3.6)
    apart = Atoms("Ar2", [[0.1, 0, 0], [6.0, 0, 0]], cell=[12.0] * 3, pbc=True)
    assert np.array_equal(made_whole(apart).positions, apart.positions)


@pytest.mark.parametrize(
    "atoms",
    [bulk("Si"), bulk("Cu", cubic=True), bulk("NaCl", "rocksalt", 5.64), bulk("Ar", "fcc", 5.31)]
    + [graphene(vacuum=10.0), boxed("H2O", 3.1)],
    ids=["covalent", "metal", "salt", "rare gas", "sheet", "liquid"],
)
def test_matter_that_goes_on_for_ever_is_no_molecule(atoms):
    atoms.pbc = True
    assert made_whole(atoms) is None
    with pytest.raises(BenchError, match=r"mine\.xyz, structure 7: boundary=open, but its ato"):
        reconcile({0: boxed("H2O", 12.0), 7: atoms}, "open", HERE)


def test_molecules_in_periodic_boxes_are_said():
    whole = boxed("H2O", 12.0)
    cut, _ = ethanol_cut_by_a_face()
    frames, lines = reconcile({0: whole, 1: cut}, "open", HERE)
    assert lines == [
        "note: pbc in the file: 'T T T' in 2 (first: structure 0); all are taken as boundary=open",
        "note: cut by the cell's face and put together again: 1 of 2 structures (structure 1)",
    ]
    assert frames[0].positions.tolist() == whole.positions.tolist()
    assert np.ptp(frames[1].positions, axis=0).max() < 6.0


@pytest.mark.parametrize(
    ("pbc", "boundary", "line"),
    [
        ([(1, 1, 0)] * 2, "slab", None),
        ([(0, 0, 0)] * 2, "open", None),
        ([(1, 1, 1)] * 2, "slab", "note: pbc in the file: 'T T T' in 2 (first: structure 0); all"),
        ([(1, 1, 1), (0, 0, 0)], "bulk", "warning: mixed pbc in the file: 'T T T' in 1 (first: s"),
    ],
)
def test_other_or_mixed_boundaries_get_a_line(pbc, boundary, line):
    frames = dict(enumerate(boxed("H2O", 12.0, p) for p in pbc))
    _, lines = reconcile(frames, boundary, HERE)
    assert lines == [] if line is None else lines[0].startswith(line)
