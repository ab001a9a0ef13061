import pytest
import torch

from bench.density.coulomb import assemble
from bench.density.operator import CoulombOperator
from bench.errors import BenchError
from tests.density.batches import bulk, cluster, geometry, multipoles, slab


@pytest.mark.parametrize("l_max", [0, 1])
@pytest.mark.parametrize("own", [True, False])
def test_products_are_those_of_the_dense_maps(l_max: int, own: bool) -> None:
    batch = geometry(bulk(atoms=9), slab(atoms=12, field=0.2), slab(seed=4, height=19.0))
    options = {
        "smearing_width": 1.3,
        "l_max": l_max,
        "feature_widths": [1.0, 1.3, 2.2],
        "feature_self_interaction": own,
    }
    dense, operator = assemble(batch, **options), CoulombOperator(batch, **options)
    p = multipoles(batch, l_max)
    assert dense.features is not None
    for found, matrix in (
        (operator.potential(p), dense.coulomb),
        (operator.seen(p), dense.features),
    ):
        expected = (matrix @ p[..., None])[..., 0]
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12 * expected.abs().max())
    for name in ("charge", "applied", "mask", "potential_average"):
        assert torch.equal(getattr(operator, name), getattr(dense, name))


def test_forces_are_those_of_the_dense_maps() -> None:
    batch = geometry(bulk(), slab())
    batch.positions.requires_grad_()
    p = multipoles(batch)
    options = {"smearing_width": 1.3, "l_max": 1}
    products = [
        CoulombOperator(batch, **options).potential(p),
        (assemble(batch, **options).coulomb @ p[..., None])[..., 0],
    ]
    slopes = [torch.autograd.grad((p * v).sum(), batch.positions)[0] for v in products]
    torch.testing.assert_close(*slopes, rtol=1e-11, atol=1e-11)


def test_operator_is_symmetric() -> None:
    batch = geometry(bulk(), slab())
    operator = CoulombOperator(batch, smearing_width=1.0, l_max=1)
    p, other = multipoles(batch), multipoles(batch, seed=11)
    torch.testing.assert_close(
        (other * operator.potential(p)).sum(1),
        (p * operator.potential(other)).sum(1),
        rtol=1e-12,
        atol=0,
    )


def test_open_structures_are_refused() -> None:
    with pytest.raises(BenchError, match=r"open structures: \[1, 2\]"):
        CoulombOperator(geometry(bulk(), cluster(), cluster()), smearing_width=1.0, l_max=1)
