"""A bare field, and a conductor of Gaussian charges."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.density.coulomb import assemble
from bench.probes.materials import metal_slab
from bench.probes.result import NotApplicable, Verdict
from bench.probes.screening import PROBE, screening
from bench.probes.subject import bare_batch
from bench.scf.direct import solve_bordered
from tests.probes.toys import field_of, prediction, toy, value


def charges(values):
    return lambda atoms: prediction(
        multipoles=np.sign(field_of(atoms)[2]) * np.array(values)[:, None]
    )


def conductor(atoms):
    """Charges that make the potential constant; a constant dipole on all atoms besides."""
    maps = assemble(bare_batch(atoms, width=1.5).geometry(), smearing_width=1.5, l_max=0)
    zero = torch.zeros(1, dtype=torch.float64)
    p, _ = solve_bordered(
        maps.coulomb, -maps.applied, maps.charge, zero, zero == 0, maps.mask, column=maps.charge
    )
    permanent = np.full((len(atoms), 3), 0.2)
    return prediction(multipoles=np.concatenate([p[0, :, None].numpy(), permanent], axis=1))


def test_without_charges_the_whole_field_is_left():
    result = PROBE.run(toy(charges([0.0] * 5)))
    assert value(result, "unscreened potential") == pytest.approx(1.0, abs=1e-9)
    assert result.verdict is Verdict.failed
    assert PROBE.run(toy(charges([0.0] * 5), point="fixed_charge")).verdict is Verdict.finding


def test_a_conductor_of_gaussians_screens_and_ends_a_width_beyond_its_atoms():
    result = PROBE.run(toy(conductor))
    assert result.verdict is Verdict.passed
    assert value(result, "unscreened potential") < 1e-9
    layers = [value(result, f"induced charge, layer {n}") for n in range(1, 6)]
    surface = value(result, "surface charge of a conductor")
    assert surface == pytest.approx(0.1 * 5.526349406e-3 * 3.97**2 * np.sqrt(3) / 4, rel=1e-9)
    heights = np.sort(metal_slab(frozenset({"Pt"})).positions[:, 2])
    thickness = np.dot(layers, heights) / surface
    assert thickness == pytest.approx(np.ptp(heights) + 2 * 1.5, rel=0.02)
    np.testing.assert_allclose(layers, -np.array(layers[::-1]), atol=1e-12)


def test_what_is_left_falls_linearly_with_the_charge_of_the_surfaces():
    def left(charge):
        observed = screening(toy(charges([-charge, 0, 0, 0, charge])))
        return value(observed, "unscreened potential")

    surface = value(screening(toy(charges([0.0] * 5))), "surface charge of a conductor")
    once, twice = left(0.2 * surface), left(0.4 * surface)
    assert once == pytest.approx(0.8, abs=0.1)  # the Gaussians reach a little into the gap
    assert twice - 1.0 == pytest.approx(2 * (once - 1.0), rel=1e-9)


def test_without_a_metal_there_is_nothing_to_screen():
    with pytest.raises(NotApplicable, match="no fcc metal among H, O"):
        screening(toy(charges([0.0] * 5), elements=frozenset({"H", "O"})))
