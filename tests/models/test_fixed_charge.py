"""Formal charges: the table, the uniform rest, and the energy that belongs to them."""

from __future__ import annotations

from dataclasses import replace

import ase
import pytest
import torch
from ase.data import atomic_numbers

from bench.density.constants import COULOMB_CONSTANT
from bench.errors import BenchError
from bench.models.base import build_point
from bench.models.facts import gather_facts
from bench.models.fixed_charge import FixedCharge
from bench.models.formal_charges import formal_charges
from bench.testing.frames import bulk, cluster, slab
from tests.models.test_points import batch_of, build, tiny_config

METALS = "Li Be Na Mg Al K Ca Sc Fe Zn Ga Rb Sr Ag Cd In Sn Cs Ba La Lu Hf Pt Au Hg Tl Pb Bi U"
UNKNOWN = "He B C N F Ne P S Cl Ge As Br Sb Te I Xe At"


def test_the_known_charges() -> None:
    found = formal_charges([1, 8, 13, 14, 78], "fixed_charge")
    assert found.tolist() == [1.0, -2.0, 0.0, 4.0, 0.0]


@pytest.mark.parametrize("symbol", METALS.split())
def test_metals_are_neutral(symbol: str) -> None:
    assert formal_charges([atomic_numbers[symbol]], "fixed_charge").tolist() == [0.0]


@pytest.mark.parametrize("symbol", UNKNOWN.split())
def test_an_element_without_a_formal_charge_is_named(symbol: str) -> None:
    with pytest.raises(BenchError, match=rf"fixed_charge.*known for {symbol} "):
        formal_charges([1, atomic_numbers[symbol]], "fixed_charge")


@pytest.mark.parametrize(
    ("atoms", "rest"),
    [(slab(), 0.0), (bulk(charge=1.0), 1 / 9), (bulk(charge=-2.0), -2 / 9), (cluster(), 0.0)],
)
def test_what_is_left_of_the_charge_is_spread_uniformly(atoms: ase.Atoms, rest: float) -> None:
    model = build("fixed_charge")
    formal = {1: 1.0, 8: -2.0, 13: 0.0, 14: 4.0}
    expected = torch.tensor([[formal[z] + rest] for z in atoms.numbers], dtype=torch.float64)
    found = model(batch_of(model, atoms)).multipoles
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_energy_is_short_range_plus_the_interaction_of_gaussians_and_field() -> None:
    atoms = cluster(field=(0.1, -0.2, 0.3))
    fixed, short = build("fixed_charge"), build("short_range")
    short.load_state_dict(fixed.state_dict(), strict=False)
    width = fixed.config.smearing_width
    charges = torch.tensor([-2.0, 1.0, 1.0] * 2, dtype=torch.float64)
    r = torch.as_tensor(atoms.positions)
    expected = COULOMB_CONSTANT * charges.square().sum() / (2 * torch.pi**0.5 * width)
    for i in range(6):
        for j in range(i):
            apart = (r[i] - r[j]).norm()
            screened = torch.erf(apart / (2 * width)) / apart
            expected += COULOMB_CONSTANT * charges[i] * charges[j] * screened
    expected -= (charges @ r) @ torch.tensor([0.1, -0.2, 0.3], dtype=torch.float64)
    added = fixed(batch_of(fixed, atoms)).energy - short(batch_of(short, atoms)).energy
    assert float(added) == pytest.approx(float(expected), abs=1e-10)


def test_dipoles_are_refused() -> None:
    config = replace(tiny_config("fixed_charge"), l_max=1)
    facts = gather_facts([cluster()], config)
    with pytest.raises(BenchError, match="l_max=1: model=fixed_charge has charges alone"):
        build_point(FixedCharge, config, facts, dtype=torch.float64, seed=0)
