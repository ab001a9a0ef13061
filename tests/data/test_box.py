"""The centre that dipoles of charged structures are counted from is that of the models."""

import numpy as np
import pytest
import torch
from ase import Atoms

from bench.data.batch import build_graph
from bench.data.box import box_of, centre_of
from bench.density.multipoles import cell_centre
from bench.testing.frames import bulk, cluster, slab
from tests.train.toy import SETTINGS


@pytest.mark.parametrize("make", [bulk, slab, cluster])
def test_it_is_the_centre_that_a_batch_gives_to_models(make):
    atoms = make()
    settings = SETTINGS.__class__((1, 8, 13, 14), 3.0, 1.5, 1.5, torch.float64)
    centre = cell_centre(build_graph(atoms, settings).cell[None])[0].numpy()
    np.testing.assert_allclose(centre_of(atoms), centre, rtol=0, atol=1e-12)


def test_a_box_counts_for_molecules_only_if_it_has_a_volume():
    assert centre_of(Atoms("H", cell=[4.0, 6.0, 8.0])).tolist() == [2.0, 3.0, 4.0]
    assert centre_of(Atoms("H", cell=[4.0, 6.0, 0.0])).tolist() == [0.5, 0.5, 0.5]
    assert box_of(Atoms("H")).tolist() == np.eye(3).tolist()
