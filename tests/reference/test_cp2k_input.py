"""Inputs: signs, units, charge states, and one level of theory in all of them."""

import re

import pytest
from ase.units import Bohr, Hartree

from bench.errors import BenchError
from bench.reference.cp2k_input import Settings, attempts, valence, write_input
from tests.reference.planned import crystal, slab


def test_a_field_is_minus_the_slope_of_the_potential():
    text = write_input(slab(field=0.2), Settings())
    slope, centre = map(float, re.search(r"bohr\^-1\] (\S+) \[bohr\] (\S+)", text).groups())
    assert slope == pytest.approx(-0.2 * Bohr / Hartree, abs=1e-10)
    assert centre == pytest.approx(8.0 / Bohr, abs=1e-6)


def test_no_field_no_potential():
    assert "EXTERNAL_POTENTIAL" not in write_input(slab(field=0.0), Settings())


@pytest.mark.parametrize(("k_points", "found"), [("3x3x1", "PACK 3 3 1"), ("1x1x1", None)])
def test_k_points(k_points, found):
    text = write_input(slab(k_points=k_points), Settings())
    assert (found in text) if found else ("KPOINTS" not in text)


@pytest.mark.parametrize("charge", [-1, 0, 1, 2])
def test_charge_states(charge):
    atoms = crystal(charge=charge)
    settings = attempts(atoms)[0]
    text = write_input(atoms, settings)
    assert f"CHARGE {charge}\n" in text
    assert ("UKS T" in text) == (charge % 2 == 1)
    assert settings.orbital_transformation == (charge % 2 == 1)
    assert ("&SMEAR" in text) == (charge % 2 == 0)


def test_metals_are_smeared_and_mixed_gently():
    usual, careful = attempts(slab())
    assert usual.electronic_temperature == 1000 and usual.added_orbitals == 40
    assert careful.mixing < usual.mixing and careful.max_scf > usual.max_scf
    water = slab()[2:]
    water.info = dict(slab(k_points="1x1x1").info)
    assert attempts(water)[0].electronic_temperature == 300


def test_all_attempts_keep_the_level_of_theory():
    for atoms in (slab(), crystal(), crystal(charge=1)):
        for settings in attempts(atoms):
            assert (settings.cutoff, settings.relative_cutoff) == (300, 40)
            text = write_input(atoms, settings)
            for line in ("XC_SMOOTH_RHO NN50", "&XC_FUNCTIONAL PBE", "EPS_DEFAULT 1.0E-08"):
                assert line in text


def test_validation_may_tighten():
    assert {s.cutoff for s in attempts(slab(cutoff=600))} == {600}
    assert {s.eps_scf for s in attempts(slab(eps_scf=1e-7))} == {1e-7}


def test_restart_and_sections_are_balanced():
    text = write_input(crystal(charge=1), attempts(crystal(charge=1))[0], restart="start.wfn")
    assert "WFN_RESTART_FILE_NAME start.wfn" in text and "SCF_GUESS RESTART" in text
    opened = re.findall(r"^\s*&(?!END)(\w+)", text, re.M)
    closed = re.findall(r"^\s*&END (\w+)", text, re.M)
    assert sorted(opened) == sorted(closed)


def test_valence_charges():
    assert valence(slab()).tolist() == [3, 3, 6, 1, 1]
    atoms = crystal()
    atoms.symbols[0] = "U"
    with pytest.raises(BenchError, match="charge of U"):
        valence(atoms)


def test_an_input_names_an_element_without_a_potential():
    atoms = crystal()
    atoms.symbols[0] = "Xe"
    with pytest.raises(BenchError, match="charge of Xe"):
        write_input(atoms, Settings())
