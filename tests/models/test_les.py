"""Latent charges: the same physics as local charges, and nothing that labels could act on."""

from __future__ import annotations

from dataclasses import replace

import torch

from bench.config.schema import LossWeights
from bench.models.base import build_point
from bench.models.facts import gather_facts
from bench.models.les import Les
from bench.testing.frames import bulk, cluster, slab
from bench.train.targets import allowed_losses, choose_losses
from tests.models.test_points import batch_of, build, tiny_config

FRAMES = [slab(), bulk(), cluster()]


def test_energy_and_forces_are_those_of_local_charges() -> None:
    latent, local = build("les"), build("local_charges")
    latent.load_state_dict(local.state_dict())
    found = latent(batch_of(latent, *FRAMES))
    expected = local(batch_of(local, *FRAMES))
    torch.testing.assert_close(found.energy, expected.energy, rtol=0, atol=1e-12)
    torch.testing.assert_close(found.forces, expected.forces, rtol=0, atol=1e-12)


def test_latent_multipoles_are_not_predictions() -> None:
    model = build("les")
    found = model(batch_of(model, *FRAMES))
    assert found.multipoles is found.total_charge is found.dipole is found.fermi_level is None
    assert found.electrostatic_potential is found.potential_error is None


def test_losses_on_the_density_do_not_act() -> None:
    everything = LossWeights(energy=1, forces=1, multipoles=1, total_charge=1, dipole=1)
    allowed = allowed_losses(build("les"))
    losses = choose_losses(everything, allowed, {"train": FRAMES, "valid": FRAMES})
    assert set(losses.weights) == {"energy", "forces"}
    density = {"multipoles", "total_charge", "dipole", "fermi_level", "polarizability"}
    assert set(losses.dropped) == density | {"charge_difference"}


def test_the_start_does_not_depend_on_reference_charges() -> None:
    config = tiny_config("les")
    facts = gather_facts(FRAMES, config)
    blind = replace(facts, mean_charges=(0.0,) * len(facts.elements))
    energies = []
    for known in (facts, blind):
        model = build_point(Les, config, known, dtype=torch.float64, seed=0)
        energies.append(model(batch_of(model, *FRAMES)).energy)
    assert any(facts.mean_charges)
    torch.testing.assert_close(*energies, rtol=0, atol=0)


def test_energies_alone_teach_the_latent_charges() -> None:
    model = build("les")
    energy = model(batch_of(model, *FRAMES), training=True).energy.sum()
    gradients = torch.autograd.grad(energy, list(model.multipoles.parameters()))
    assert all(bool(gradient.any()) for gradient in gradients)
