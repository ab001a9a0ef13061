"""A user's own file becomes a system: keys, units, signs, orders, splits, refusals."""

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.io import write
from ase.units import Bohr, GPa, Hartree

from bench.commands.data import main
from bench.config.schema import SystemConfig
from bench.data.dataset import load_dataset
from bench.errors import BenchError
from bench.reference.importer import DEFAULTS, convert, read_mapping

COUNT = 8


def water(seed, field=0.0, charge=0.0):
    """A molecule whose made-up labels, in the file's units, are known functions of the seed."""
    rng = np.random.default_rng(seed)
    atoms = Atoms("OH2", [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], cell=[12, 12, 20], pbc=True)
    atoms.positions += 5 + 0.05 * rng.normal(size=(3, 3))
    charges = np.array([-0.6, 0.3, 0.3]) + charge / 3
    dipoles = 0.1 * rng.normal(size=(3, 3))
    atoms.arrays["DFT_forces"] = rng.normal(size=(3, 3))
    atoms.arrays["AIMS_atom_multipoles"] = np.column_stack([charges, dipoles])
    atoms.info.update(
        DFT_energy=-17.0 - 0.01 * seed, homogeneous_field=np.array([0, 0, field]), q=charge
    )
    return atoms


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


NAMES = {
    "map.energy": "DFT_energy",
    "map.forces": "DFT_forces",
    "map.total_charge": "q",
    "map.field": "homogeneous_field",
}
KEYS = [
    "map.energy=DFT_energy",
    "map.forces=DFT_forces",
    "map.multipoles=AIMS_atom_multipoles",
    "map.field=homogeneous_field",
    "map.total_charge=q",
]


def imported(folder, frames, *words):
    write(folder / "mine.extxyz", frames, format="extxyz")
    code = main(["import", "mine.extxyz", "name=mine", "boundary=slab", *KEYS, *words])
    return code, load_dataset(SystemConfig(name="mine"))


def test_an_imported_system_loads_with_all_labels(folder, capsys):
    code, dataset = imported(folder, [water(s, 0.1) for s in range(COUNT)])
    assert code == 0
    frames = [a for s in ("train", "valid", "test") for a in dataset.frames[s]]
    assert len(frames) == COUNT and all(len(dataset.frames[s]) >= 1 for s in dataset.frames)
    original = {round(a.info["DFT_energy"], 6): a for a in (water(s, 0.1) for s in range(COUNT))}
    for atoms in frames:
        source = original[round(atoms.info["REF_energy"], 6)]
        assert atoms.arrays["REF_forces"] == pytest.approx(source.arrays["DFT_forces"], abs=1e-7)
        assert atoms.pbc.tolist() == [True, True, False]
        assert atoms.info["electric_field"] == pytest.approx([0, 0, 0.1])
    config = yaml.safe_load((folder / "conf/system/mine.yaml").read_text())
    assert config["name"] == "mine"
    assert "bench run system=mine" in capsys.readouterr().out


def test_units_and_signs(folder):
    mapping = read_mapping(
        DEFAULTS
        | {
            "boundary": "slab",
            "map.energy": "DFT_energy",
            "map.forces": "DFT_forces",
            "map.multipoles": "AIMS_atom_multipoles",
            "map.field": "homogeneous_field",
            "map.total_charge": "q",
            "unit.energy": "hartree",
            "unit.forces": "hartree/bohr",
            "unit.field": "au",
            "sign.field": "-1",
            "unit.multipoles": "e_bohr",
            "multipoles_order": "cartesian",
        }
    )
    source = water(1, field=0.01)
    frame = convert(source, mapping, "here")
    assert frame.info["REF_energy"] == pytest.approx(source.info["DFT_energy"] * Hartree)
    assert frame.arrays["REF_forces"] == pytest.approx(source.arrays["DFT_forces"] * Hartree / Bohr)
    assert frame.info["electric_field"] == pytest.approx([0, 0, -0.01 * Hartree / Bohr])
    q, x, y, z = source.arrays["AIMS_atom_multipoles"].T
    assert frame.arrays["REF_multipoles"] == pytest.approx(
        np.column_stack([q, y * Bohr, z * Bohr, x * Bohr])
    )


@pytest.mark.parametrize("shape", [(6,), (3, 3), (9,)])
def test_stress_in_any_form_and_unit(shape):
    options = {"boundary": "bulk", "map.stress": "virial", "unit.stress": "GPa"}
    mapping = read_mapping(DEFAULTS | NAMES | options | {"sign.stress": "-1"})
    source = water(1)
    source.set_cell([5.0, 5.0, 5.0])
    full = np.array([[1.0, 6.0, 5.0], [6.0, 2.0, 4.0], [5.0, 4.0, 3.0]])
    source.info["virial"] = np.arange(1.0, 7.0) if shape == (6,) else full.reshape(shape)
    stress = convert(source, mapping, "here").info["REF_stress"]
    assert stress.reshape(3, 3) == pytest.approx(-full * GPa)


def test_polarisability_volumes_become_derivatives_and_mask_the_slab():
    """α of 1.45 Å³, a water molecule's, is ∂M/∂E = 4πε₀ α = α / k_e."""
    options = {"boundary": "slab", "map.polarizability": "alpha", "unit.polarizability": "A^3"}
    source = water(1)
    source.info["alpha"] = 1.45 * np.eye(3)
    frame = convert(source, read_mapping(DEFAULTS | NAMES | options), "here")
    assert frame.info["REF_polarizability"][2, 2] == pytest.approx(1.45 / 14.3996453535, rel=1e-9)
    assert frame.info["dipole_mask"].tolist() == [0, 0, 1]
    crystal = convert(source, read_mapping(DEFAULTS | NAMES | options | {"boundary": "bulk"}), "x")
    assert "REF_polarizability" not in crystal.info


def test_electrons_counted_positive_change_charges_and_dipoles():
    options = {
        "map.energy": "DFT_energy",
        "map.forces": "DFT_forces",
        "map.total_charge": "q",
        "map.multipoles": "AIMS_atom_multipoles",
        "sign.multipoles": "-1",
        "field": "0",
    }
    source = water(2)
    frame = convert(source, read_mapping(DEFAULTS | {"boundary": "open"} | options), "here")
    assert frame.arrays["REF_multipoles"] == pytest.approx(-source.arrays["AIMS_atom_multipoles"])
    assert not frame.pbc.any()


def test_one_geometry_stays_in_one_split_and_duplicates_go(folder, capsys):
    frames = [water(s, f) for s in range(6) for f in (0.0, 0.2)] + [water(0, 0.0)]
    _, dataset = imported(folder, frames)
    assert "1 duplicates dropped" in capsys.readouterr().out
    assert sum(map(len, dataset.frames.values())) == 12
    for split in dataset.frames.values():
        groups = [a.info["group"] for a in split]
        assert all(groups.count(g) == 2 for g in groups)


def test_splits_of_the_file_are_kept(folder):
    frames = [water(s) for s in range(COUNT)]
    for number, atoms in enumerate(frames):
        atoms.info["part"] = ("train", "valid", "test")[number % 3]
    _, dataset = imported(folder, frames, "map.split=part")
    assert [len(dataset.frames[s]) for s in ("train", "valid", "test")] == [3, 3, 2]


def test_a_wrong_total_charge_is_a_violation(folder, capsys):
    frames = [water(s) for s in range(COUNT)]
    frames[3].info["q"] = 1.0
    code, _ = imported(folder, frames)
    assert code == 1 and "Σq = Q is broken" in capsys.readouterr().out


def test_ase_hides_energy_and_forces_and_they_are_found():
    from ase.calculators.singlepoint import SinglePointCalculator

    atoms = water(0)
    atoms.calc = SinglePointCalculator(atoms, energy=-3.0, forces=np.ones((3, 3)))
    options = {"map.energy": "energy", "map.forces": "forces", "total_charge": "0", "field": "0"}
    frame = convert(atoms, read_mapping(DEFAULTS | {"boundary": "open"} | options), "here")
    assert frame.info["REF_energy"] == -3.0
    assert np.array_equal(frame.arrays["REF_forces"], np.ones((3, 3)))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["map.enrgy=x"], "energy"),
        (["map.energy=nothing"], "no energy under 'nothing'"),
        (["map.total_charge=nothing"], "no total_charge"),
        (["map.field=nothing"], "no field"),
        (["unit.energy=Hartree"], "hartree"),
        (["sign.field=-2"], "sign.field"),
        (["boundary=slap"], "slab"),
        (["multipoles_order=xyz"], "cartesian"),
        (["map.multipoles=q"], "shape"),
        (["total_charge=abc"], "total_charge='abc' is no number"),
        (["field=up"], "field='up' is no number"),
        (["name=../esc"], "letters, digits"),
        (["name="], "letters, digits"),
        (["name=al_water"], "has a plan"),
        (["name=al_water", "overwrite=true"], "has a plan"),
        (["valid_fraction=0.5", "test_fraction=0.5"], "leave none of 3 geometries"),
        (["test_fraction=-1"], "Allowed: 0 to 1"),
    ],
)
def test_mistakes_are_told(folder, words, message):
    frames = [water(s) for s in range(3)]
    with pytest.raises(BenchError, match=message):
        imported(folder, frames, *words)
    assert not list(folder.glob("datasets/*")) and not list(folder.glob("conf/system/*"))


def test_a_field_along_a_periodic_axis_is_refused_and_leaves_nothing(folder):
    frames = [water(s, 0.1) for s in range(COUNT)]
    with pytest.raises(BenchError, match="periodic axis"):
        imported(folder, frames, "boundary=bulk")
    assert not list(folder.glob("datasets/*")) and not list(folder.glob("conf/system/*"))
    assert imported(folder, frames)[0] == 0
    assert [p.name for p in (folder / "datasets").iterdir()] == ["mine"]


@pytest.mark.parametrize("overwrite", ["false", "true"])
def test_a_generated_system_of_ones_own_is_kept(folder, overwrite):
    plan = folder / "datasets/mine/plan.extxyz"
    plan.parent.mkdir(parents=True)
    plan.write_text("dear")
    with pytest.raises(BenchError, match=r"mine was generated"):
        imported(folder, [water(s) for s in range(COUNT)], f"overwrite={overwrite}")
    assert [p.name for p in plan.parent.iterdir()] == ["plan.extxyz"]


@pytest.mark.parametrize("known", ["trajectory", "split", "neither"])
def test_a_split_by_chance_is_warned_of(folder, capsys, known):
    frames = [water(s) for s in range(6)]
    values = {"trajectory": ("md1", "md2", "md3"), "split": ("train", "valid", "test")}
    for number, atoms in enumerate(frames):
        atoms.info |= {known: values[known][number // 2]} if known in values else {}
    imported(folder, frames)
    text = capsys.readouterr().out
    assert ("warning: without map.trajectory and map.split" in text) == (known == "neither")
    assert "look: Σq = Q holds" in text


def test_an_existing_name_is_not_overwritten(folder):
    frames = [water(s) for s in range(COUNT)]
    imported(folder, frames)
    with pytest.raises(BenchError, match="exists"):
        imported(folder, frames)
    assert imported(folder, frames, "overwrite=true")[0] == 0


def test_too_few_geometries_cannot_be_split(folder):
    with pytest.raises(BenchError, match="cannot be split"):
        imported(folder, [water(0), water(1)])


def test_a_file_that_is_no_extxyz(folder):
    (folder / "mine.extxyz").write_text("not a structure")
    with pytest.raises(BenchError, match="cannot be read"):
        main(["import", "mine.extxyz", "name=mine", "boundary=open"])
