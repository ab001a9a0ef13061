"""Agreement with graph-longrange 0.4.0, the authors' own implementation."""

import pytest
import torch
from torch import Tensor

from bench.density.constants import COULOMB_CONSTANT, FIELD_CONSTANT
from bench.density.coulomb import assemble, coulomb_energy, own_entries
from bench.density.geometry import Boundary, Geometry
from bench.density.slab import slab_term
from tests.density import library_reference as library
from tests.density.batches import bulk, geometry, multipoles, slab

WIDTH = 1.2
PROBES = [1.0, WIDTH, 2.0]
FACTOR = 1.5
KSPACE = library.cutoff(PROBES, FACTOR)


def batches() -> list[Geometry]:
    structures = [[bulk()], [slab()], [bulk(), slab(atoms=7), bulk(seed=9, atoms=3)]]
    return [geometry(*s, narrowest_width=1.0, cutoff_factor=FACTOR) for s in structures]


def library_zero(batch: Geometry, p: Tensor, l_max: int) -> Tensor:
    """[g] what the library's potential of a neutral slab has more than ours, a constant.

    Its dipole term counts heights from the cell's bottom and leaves the second moment out.
    """
    slab = slab_term(batch, l_max)
    _, dipole, second = torch.einsum("gme,gm->ge", slab.moments, p).unbind(dim=1)
    return slab.strength * (dipole * slab.height + second) / 2


def test_constants_are_the_library_constants() -> None:
    from graph_longrange.utils import FIELD_CONSTANT as LIBRARY_CONSTANT

    assert FIELD_CONSTANT == LIBRARY_CONSTANT
    assert pytest.approx(14.3996453535, abs=5e-11) == COULOMB_CONSTANT


@pytest.mark.parametrize("batch", batches(), ids=["bulk", "slab", "mixed"])
@pytest.mark.parametrize("l_max", [0, 1])
def test_energy(batch: Geometry, l_max: int) -> None:
    p = multipoles(batch, l_max, charge=0.0)
    p[:, 0] += 0.7 * (batch.boundary == Boundary.BULK)  # the library is wrong for charged slabs
    options = {"width": WIDTH, "l_max": l_max, "kspace": KSPACE}
    found = coulomb_energy(assemble(batch, smearing_width=WIDTH, l_max=l_max), p)
    expected = library.energy(batch, p, own=True, **options)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    own = (own_entries(batch, WIDTH, WIDTH, l_max) * p**2).sum(dim=1) / 2
    expected = library.energy(batch, p, own=False, **options)
    torch.testing.assert_close(found - own, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("batch", batches(), ids=["bulk", "slab", "mixed"])
@pytest.mark.parametrize(("own", "tolerance"), [(True, 1e-10), (False, 1e-9)])
@pytest.mark.parametrize("l_max", [0, 1])
def test_features(batch: Geometry, own: bool, tolerance: float, l_max: int) -> None:
    p = multipoles(batch, l_max, charge=0.0)
    maps = assemble(
        batch,
        smearing_width=WIDTH,
        l_max=l_max,
        feature_widths=PROBES,
        feature_self_interaction=own,
    )
    assert maps.features is not None and maps.feature_charge is not None
    found = (maps.features @ p[..., None])[..., 0]
    found = found + library_zero(batch, p, l_max)[:, None] * maps.feature_charge
    expected = library.features(
        batch, p, width=WIDTH, l_max=l_max, probes=PROBES, kspace=KSPACE, own=own
    )
    per_atom = found.reshape(*batch.mask.shape, -1)[batch.mask]
    torch.testing.assert_close(per_atom, expected, rtol=tolerance, atol=tolerance)


def test_forces() -> None:
    batch = geometry(bulk(), slab(), narrowest_width=WIDTH)
    batch.positions.requires_grad_()
    p = multipoles(batch, charge=0.0)
    energy = coulomb_energy(assemble(batch, smearing_width=WIDTH, l_max=1), p).sum()
    kspace = library.cutoff([WIDTH], FACTOR)
    expected = library.energy(batch, p, width=WIDTH, l_max=1, kspace=kspace, own=True).sum()
    forces = [torch.autograd.grad(e, batch.positions)[0] for e in (energy, expected)]
    torch.testing.assert_close(*forces, rtol=1e-10, atol=1e-12)
