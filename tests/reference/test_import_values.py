"""Units, signs, orders, shapes and words of a file's values."""

import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from ase.units import Bohr, GPa, Hartree

from bench.errors import BenchError
from bench.reference.import_values import convert, read_charge
from tests.reference.imported import crystal, stated, water


def test_units_and_signs():
    says = stated(
        map={"multipoles": "AIMS_atom_multipoles"},
        unit={
            "energy": "hartree",
            "forces": "hartree/bohr",
            "field": "au",
            "multipoles": "e_bohr",
            "length": "bohr",
        },
        sign={"field": -1.0},
        multipoles_order="cartesian",
    )
    source = water(1, field=0.01)
    frame = convert(source, says, "here")
    assert frame.info["REF_energy"] == pytest.approx(source.info["DFT_energy"] * Hartree)
    assert frame.arrays["REF_forces"] == pytest.approx(source.arrays["DFT_forces"] * Hartree / Bohr)
    assert frame.info["electric_field"] == pytest.approx([0, 0, -0.01 * Hartree / Bohr])
    assert frame.positions == pytest.approx(source.positions * Bohr)
    assert frame.cell.array == pytest.approx(source.cell.array * Bohr)
    q, x, y, z = source.arrays["AIMS_atom_multipoles"].T
    assert frame.arrays["REF_multipoles"] == pytest.approx(
        np.column_stack([q, y * Bohr, z * Bohr, x * Bohr])
    )


def test_what_metrics_read_comes_along_in_angstrom():
    source = water(1)
    source.info |= {"vacancy_site": [1.0, 2.0, 3.0], "dielectric_constants": [2.4, 4.6]}
    source.info["REF_electron_profile"] = np.array([0.5, 1.0, 2.0, 1.5])
    frame = convert(source, stated(unit={"length": "bohr"}), "here")
    assert frame.info["vacancy_site"] == pytest.approx(Bohr * np.array([1.0, 2.0, 3.0]))
    assert frame.info["REF_electron_profile"] == pytest.approx(
        np.array([0.5, 1.0, 2.0, 1.5]) / Bohr
    )
    assert frame.info["dielectric_constants"].tolist() == [2.4, 4.6]
    for key in ("vacancy_site", "REF_electron_profile", "dielectric_constants"):
        assert key not in convert(water(1), stated(), "here").info


FULL = np.array([[1.0, 6.0, 5.0], [6.0, 2.0, 4.0], [5.0, 4.0, 3.0]])
VOIGT = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]  # xx yy zz yz xz xy
OUTCAR = [1.0, 2.0, 3.0, 6.0, 4.0, 5.0]  # xx yy zz xy yz zx
VOLUME = 4.12**3


@pytest.mark.parametrize(
    ("value", "unit", "sign", "factor"),
    [
        (VOIGT, "GPa", -1.0, -GPa),
        (FULL, "GPa", 1.0, GPa),
        (FULL.ravel(), "kbar", 1.0, 0.1 * GPa),
        (FULL, "kbar_vasp", 1.0, -0.1 * GPa),
        (OUTCAR, "kbar_vasp", 1.0, -0.1 * GPa),
        (VOIGT, "eV", 1.0, -1.0 / VOLUME),
        (FULL, "eV", -1.0, 1.0 / VOLUME),
        (FULL, None, 1.0, -1.0 / VOLUME),  # the key's name says that it is a virial
    ],
)
def test_stress_in_any_form_and_unit(value, unit, sign, factor):
    source = crystal()
    source.info["total_virial"] = np.array(value)
    units = {"stress": unit} if unit else {}
    says = stated("bulk", map={"stress": "total_virial"}, unit=units, sign={"stress": sign})
    stress = convert(source, says, "here").info["REF_stress"]
    assert stress == pytest.approx(factor * FULL)


def test_a_virial_is_divided_by_the_volume_in_our_unit_of_length():
    source = crystal()
    source.info["virial"] = FULL
    says = stated("bulk", map={"stress": "virial"}, unit={"length": "bohr"})
    stress = convert(source, says, "here").info["REF_stress"]
    assert stress == pytest.approx(-FULL / (VOLUME * Bohr**3))


def test_polarisability_volumes_become_derivatives_and_mask_the_slab():
    """α of 1.45 Å³, a water molecule's, is ∂M/∂E = 4πε₀ α = α / k_e."""
    source = water(1)
    source.info["alpha"] = 1.45 * np.eye(3)
    options = {"map": {"polarizability": "alpha"}, "unit": {"polarizability": "A^3"}}
    frame = convert(source, stated(**options), "here")
    assert frame.info["REF_polarizability"][2, 2] == pytest.approx(1.45 / 14.3996453535, rel=1e-9)
    assert frame.info["dipole_mask"].tolist() == [0, 0, 1]
    source = crystal()
    source.info["alpha"] = np.eye(3)
    assert "REF_polarizability" not in convert(source, stated("bulk", **options), "x").info


def test_electrons_counted_positive_change_charges_and_dipoles():
    source = water(2, charge=1.0)
    says = stated(
        "open",
        map={"multipoles": "AIMS_atom_multipoles"},
        sign={"multipoles": -1.0, "total_charge": -1.0},
    )
    frame = convert(source, says, "here")
    assert frame.arrays["REF_multipoles"] == pytest.approx(-source.arrays["AIMS_atom_multipoles"])
    assert frame.info["total_charge"] == -1.0 and not frame.pbc.any()


@pytest.mark.parametrize("columns", [1, 4, 9, 16])
@pytest.mark.parametrize("order", ["spherical", "cartesian"])
def test_multipoles_of_any_length(columns, order):
    source = water(1)
    rows = np.arange(3.0 * columns).reshape(3, columns)
    source.arrays["AIMS_atom_multipoles"] = rows[:, 0] if columns == 1 else rows
    says = stated(map={"multipoles": "AIMS_atom_multipoles"}, multipoles_order=order)
    found = convert(source, says, "here").arrays["REF_multipoles"]
    if columns == 1:
        assert found.tolist() == rows.tolist()
    else:
        places = [0, 1, 2, 3] if order == "spherical" else [0, 2, 3, 1]
        assert found.tolist() == rows[:, places].tolist()


@pytest.mark.parametrize("columns", [2, 3])
def test_multipoles_that_cannot_be_meant(columns):
    source = water(1)
    source.arrays["AIMS_atom_multipoles"] = np.ones((3, columns))
    says = stated(map={"multipoles": "AIMS_atom_multipoles"})
    with pytest.raises(BenchError, match=rf"has shape \(3, {columns}\): expected \(3,\), charges"):
        convert(source, says, "here")


@pytest.mark.parametrize("shape", [(3,), (1, 3), (3, 1)])
def test_a_dipole_of_any_shape_is_a_vector(shape):
    source = water(1)
    source.info["mu"] = np.array([0.1, 0.2, 0.3]).reshape(shape)
    frame = convert(source, stated("open", map={"dipole": "mu"}), "here")
    assert frame.info["REF_dipole"].tolist() == [0.1, 0.2, 0.3]
    assert frame.info["dipole_mask"].tolist() == [1, 1, 1]


def test_ase_hides_energy_forces_and_charges_and_they_are_found():
    source = water(0)
    source.calc = SinglePointCalculator(source, energy=-3.0, forces=np.ones((3, 3)))
    source.calc.results["charges"] = np.array([-0.6, 0.3, 0.3])  # what ase makes of column "charge"
    source.info["charge"] = 0.0
    keys = {"energy": "energy", "forces": "forces", "total_charge": "charge"}
    frame = convert(source, stated("open", map=keys | {"multipoles": "charge"}), "here")
    assert frame.info["REF_energy"] == -3.0 and frame.info["total_charge"] == 0.0
    assert np.array_equal(frame.arrays["REF_forces"], np.ones((3, 3)))
    assert frame.arrays["REF_multipoles"][:, 0].tolist() == [-0.6, 0.3, 0.3]


@pytest.mark.parametrize(
    ("value", "charge"),
    [("1+", 1.0), ("2-", -2.0), ("+", 1.0), ("-", -1.0), ("+1", 1.0), ("-1.5", -1.5)]
    + [("neutral", 0.0), ("Neutral", 0.0), (2, 2.0), (np.float64(-1.0), -1.0), ("1.0D+00", 1.0)]
    + [(np.array([[1]]), 1.0)],
)
def test_charges_as_people_write_them(value, charge):
    assert read_charge(value, "here") == charge


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("q", "plus one", "here: q='plus one' is no number.\nA total charge in e"),
        ("q", np.array([-0.6, 0.3, 0.3]), "q has 3 numbers, and a structure has one total charge."),
        ("q", True, "here: q=True is no number"),
        ("q", "None", "here: no total_charge under 'q'"),
        ("q", np.inf, "here: total_charge is not finite"),
        ("E", "off", "here: E='off' is no number.\nA field in V/Å"),
        ("E", np.array([0.1, 0.2]), r"here: E has 2 numbers: \[0.1, 0.2\].\nA field has three, or"),
        ("E", np.array([0.1, 0.0, np.nan]), "here: electric_field is not finite"),
        ("E", "None", "here: no field under 'E'"),
        ("DFT_energy", "n/a", "here: DFT_energy='n/a' is no number"),
        (
            "DFT_energy",
            np.array([1.0, 2.0]),
            r"here: DFT_energy has 2 numbers, expected 1 \(energy: ",
        ),
        ("spin", 2.5, r"here: spin=2.5 is no 2S\+1"),
        ("spin", "doublet", "here: spin='doublet' is no number"),
        ("spin", 0, r"here: spin=0 is no 2S\+1"),
    ],
)
def test_values_that_mean_nothing_are_refused_with_key_and_value(key, value, message):
    source = water(1)
    source.info[key] = value
    with pytest.raises(BenchError, match=message):
        convert(source, stated(map={"multiplicity": "spin"}), "here")


def test_values_as_programs_write_them():
    source = water(1)
    source.info.update(DFT_energy="-1.0D+00", q="1+", E="0 0 1.0D-01", spin="3")
    says = stated(map={"multiplicity": "spin"}, dipole_origin="centre")
    frame = convert(source, says, "here")
    assert frame.info["REF_energy"] == -1.0 and frame.info["total_charge"] == 1.0
    assert frame.info["electric_field"].tolist() == [0.0, 0.0, 0.1]
    assert frame.info["multiplicity"] == 3


def test_one_number_is_a_field_along_z():
    source = water(1)
    source.info["E"] = 0.2
    assert convert(source, stated(), "here").info["electric_field"].tolist() == [0.0, 0.0, 0.2]


def test_two_atoms_at_one_place_are_refused():
    source = water(1)
    source.positions[2] = source.positions[1] + [0, 0, 0.01]
    with pytest.raises(BenchError, match=r"here: atoms 1 \(H\) and 2 \(H\) are at one place"):
        convert(source, stated(), "here")


def test_a_crystal_as_a_slab_is_refused_with_a_hint_that_helps():
    with pytest.raises(BenchError, match="filled along z") as error:
        convert(crystal(), stated(field="0"), "here")
    assert "boundary=bulk" in error.value.mend and "Shift" not in error.value.mend


def charged(origin, field=0.0):
    """A molecule of total charge 2 whose dipole, and energy in a field along z, have an origin."""
    source = water(1, field=field, charge=2.0)
    charges = source.arrays["AIMS_atom_multipoles"][:, 0]
    dipole = charges @ (source.positions - origin)
    source.info["mu"] = dipole
    source.info["DFT_energy"] = -17.0 - field * dipole[2]
    return source


@pytest.mark.parametrize("field", [0.0, 0.1])
@pytest.mark.parametrize("origin", ["centre", "zero", "mass"])
def test_dipoles_and_energies_of_charged_structures_are_counted_from_the_centre(origin, field):
    """Of whatever origin in the file, one number comes out: that about the cell's centre."""
    centre = np.array([6.0, 6.0, 10.0])
    mass = water(1).get_center_of_mass()
    source = charged({"centre": centre, "zero": np.zeros(3), "mass": mass}[origin], field)
    expected = charged(centre, field)
    says = stated("open", map={"dipole": "mu"}, dipole_origin=origin)
    frame = convert(source, says, "here")
    assert frame.info["REF_dipole"] == pytest.approx(expected.info["mu"], abs=1e-10)
    assert frame.info["REF_energy"] == pytest.approx(expected.info["DFT_energy"], abs=1e-10)


@pytest.mark.parametrize(
    ("source", "names", "asked"),
    [
        (charged(0.0), {"dipole": "mu"}, True),
        (charged(0.0, field=0.1), {}, True),
        (charged(0.0), {}, False),
        (water(1, field=0.1), {}, False),
    ],
)
def test_the_origin_is_asked_for_where_it_matters(source, names, asked):
    if not asked:
        convert(source, stated("open", map=names), "here")
        return
    with pytest.raises(BenchError, match=r"here: its total charge is \+2 e, so that its dipole"):
        convert(source, stated("open", map=names), "here")
