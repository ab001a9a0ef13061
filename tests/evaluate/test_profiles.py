"""Sheets of charge against a capacitor, and profiles against what CP2K itself says."""

import ase
import numpy as np
import pytest

from bench.density.constants import FIELD_CONSTANT
from bench.evaluate.profiles import Sheets, induced_profile
from bench.evaluate.scoring import Missing
from bench.evaluate.series import field_series, slope
from bench.paths import shipped
from bench.reference.store import Store
from tests.evaluate.predicted import responding

AREA, WIDTH, HEIGHT = 20.0, 1.5, 24.0
Z = np.linspace(-15.0, 40.0, 5501)


def sheets(heights, charges, dipoles=None, *, width=WIDTH):
    charges = np.array(charges, dtype=float)
    dipoles = 0.0 * charges if dipoles is None else np.array(dipoles, dtype=float)
    return Sheets(np.array(heights, dtype=float), charges, dipoles, AREA, width)


def test_density_holds_charge_and_dipole() -> None:
    density = sheets([10.0], [0.3], [0.7]).density(Z) * AREA
    assert np.trapezoid(density, Z) == pytest.approx(0.3, rel=1e-12)
    assert np.trapezoid(density * (Z - 10.0), Z) == pytest.approx(0.7, rel=1e-12)
    spread = sheets([10.0], [1.0]).density(Z) * AREA
    assert np.trapezoid(spread * (Z - 10.0) ** 2, Z) == pytest.approx(WIDTH**2, rel=1e-12)


@pytest.mark.parametrize("width", [0.5, 1.5])
def test_potential_of_a_capacitor(width) -> None:
    """Far from both plates: ±q d / (2 ε0 S), so that the drop is q d / (ε0 S)."""
    both = sheets([8.0, 14.0], [0.2, -0.2], width=width)
    below, above = both.potential(np.array([-15.0, 40.0]))
    drop = FIELD_CONSTANT * 0.2 * 6.0 / AREA
    assert (below, above) == pytest.approx((drop / 2, -drop / 2), rel=1e-12)


def test_potential_of_a_dipole_layer_steps_up_along_it() -> None:
    below, centre, above = sheets([10.0], [0.0], [0.4]).potential(np.array([-15.0, 10.0, 40.0]))
    step = FIELD_CONSTANT * 0.4 / AREA
    assert (below, centre, above) == pytest.approx((-step / 2, 0.0, step / 2), abs=1e-12)


def test_potential_obeys_poissons_equation() -> None:
    source = sheets([8.0, 11.0], [0.3, -0.1], [0.2, -0.5])
    step = Z[1] - Z[0]
    curvature = np.diff(source.potential(Z), 2) / step**2
    assert curvature == pytest.approx(-FIELD_CONSTANT * source.density(Z)[1:-1], abs=1e-5)


def conductor(charges=(-1.0, 0.0, 1.0), *, profile=True, **info):
    """Three layers of Pt whose outer ones take ∓ their share of E ε0 S, as DFT's planes do."""
    share = 1.0 / FIELD_CONSTANT * AREA
    atoms = ase.Atoms("Pt3", [[0, 0, 6.0], [0, 0, 9.0], [0, 0, 12.0]], pbc=(True, True, False))
    atoms.set_cell([4.0, 5.0, HEIGHT])
    given = share * np.array(charges)
    series = responding(
        atoms,
        REF={"charges": [-share, 0.0, share]},
        PRED={"charges": given},
    )
    planes = np.zeros(48)  # 0.5 Å apart
    planes[[12, 24]] = np.array([share, -share]) / 0.5  # electrons per Å and field
    for one in series:
        strength = one.info["electric_field"][2]
        one.info |= {"smearing_width": WIDTH, **info}
        if profile:
            one.info["REF_electron_profile"] = 30.0 + strength * planes
    return series


def test_planes_and_atoms_with_the_same_charge_have_the_same_profile() -> None:
    profile = induced_profile(field_series(conductor())[0])
    for values in (profile.density, profile.potential):
        assert values["predicted"] == pytest.approx(values["reference"], abs=1e-12)
        assert values["multipoles"] == pytest.approx(values["reference"], abs=1e-12)
    assert profile.layers.tolist() == [6.0, 9.0, 12.0]
    assert (profile.heights[0], profile.heights[-1]) == pytest.approx((3.0, 15.0))
    assert profile.vacuum == pytest.approx(HEIGHT / 2 - profile.heights)
    assert profile.fields == 4


@pytest.mark.parametrize("fraction", [1.0, 0.5, 0.0, -0.1])
def test_what_sharp_plates_do_not_screen_is_the_ratio(fraction) -> None:
    """A part of a conductor's charge leaves the rest of the field between the plates."""
    frames = conductor(fraction * np.array([-1.0, 0.0, 1.0]), smearing_width=1e-3)
    profile = induced_profile(field_series(frames)[0])
    assert profile.screening["predicted"] == pytest.approx(1.0 - fraction, abs=1e-3)
    assert profile.screening["reference"] == pytest.approx(0.0, abs=1e-3)


def test_smearing_leaves_some_field_in_a_conductor() -> None:
    """σ √(2/π) / d: each layer sees its own plate as a Gaussian's centre does."""
    profile = induced_profile(field_series(conductor())[0])
    assert profile.screening["reference"] == pytest.approx(
        WIDTH * np.sqrt(2 / np.pi) / 6.0, rel=1e-3
    )


def test_atomic_dipoles_screen_too() -> None:
    """A dipole layer between the outer layers takes d / (ε0 S) of the drop."""
    frames = conductor((0.0, 0.0, 0.0), smearing_width=1e-3)
    for one in frames:
        one.arrays["PRED_multipoles"][1, 2] += one.info["electric_field"][2] * 0.1
    profile = induced_profile(field_series(frames)[0])
    taken = FIELD_CONSTANT * 0.1 / AREA
    assert profile.screening["predicted"] == pytest.approx(1.0 - taken / 6.0, abs=1e-9)


def test_a_point_with_charges_alone_is_compared() -> None:
    frames = conductor()
    for one in frames:
        one.arrays["PRED_multipoles"] = one.arrays["PRED_multipoles"][:, 0]  # as extxyz reads it
    profile = induced_profile(field_series(frames)[0])
    assert profile.density["predicted"] == pytest.approx(profile.density["reference"], abs=1e-12)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda a: a.info.pop("REF_electron_profile"), "no reference"),
        (lambda a: a.info.pop("smearing_width"), "do not state smearing_width"),
        (lambda a: a.arrays.pop("PRED_multipoles"), "not predicted"),
        (lambda a: a.arrays["PRED_multipoles"].fill(np.nan), "fewer than 3 fields"),
        (lambda a: a.set_pbc(True), "no slab in a field along z"),
    ],
)
def test_what_is_missing_is_said(spoil, reason) -> None:
    frames = conductor()
    for one in frames:
        spoil(one)
    with pytest.raises(Missing, match=reason):
        induced_profile(field_series(frames)[0])


@pytest.mark.parametrize("uids", [("pt0025", "pt0028", "pt0029"), ("pt0030", "pt0033", "pt0034")])
def test_the_potential_of_dfts_profile_is_cp2ks_own(uids) -> None:
    """Metal, and water: Poisson's equation on the density against the calculation's potential.

    CP2K's is periodic and has no sawtooth: its images' dipoles and the applied field are added.
    """
    store = Store(shipped("datasets") / "pt_water")
    plan = {atoms.info["uid"]: atoms for atoms in store.plan()}
    labels = [store.read_label(uid) for uid in uids]
    cell, volume = plan[uids[0]].cell, plan[uids[0]].get_volume()
    images = FIELD_CONSTANT * np.array([label["dipole_z"] for label in labels]) / volume
    applied = np.array([plan[uid].info["field"] for uid in uids])
    electrons = slope(
        applied + images, np.array([x["profile"]["electrons_per_length"] for x in labels])
    )
    hartree = slope(applied + images, np.array([x["profile"]["hartree"] for x in labels]))
    z = np.arange(len(hartree)) * cell[2, 2] / len(hartree)
    step = z[1] - z[0]
    sharp = Sheets(z, -electrons * step, 0.0 * z, volume / cell[2, 2], 1e-6)
    ours = sharp.potential(z) - z
    theirs = -hartree - slope(applied + images, applied) * z
    inside = slice(20, -20)  # the sawtooth jumps in the vacuum
    difference = (ours - theirs)[inside]
    assert np.ptp(difference) < 1e-3 * np.ptp(ours[inside])
