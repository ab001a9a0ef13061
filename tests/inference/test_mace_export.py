"""mace-torch's own model from the files of an export: its energies and forces are ours."""

import json
import shutil

import numpy as np
import pytest
import torch
from mace import data
from mace.tools import AtomicNumberTable, torch_geometric
from safetensors.torch import load_file, save_file

from bench.calculator import BenchCalculator
from bench.commands.export import main
from bench.errors import BenchError
from bench.inference.mace_export import read_mace
from bench.testing.frames import bulk, cluster, slab
from bench.testing.small import build, small_config
from tests.docs.commands import ROOT, blocks
from tests.trained import write_run

SETTINGS = {"num_channels": 8, "hidden_l_max": 1}


def export(place, name="short_range", dtype=torch.float64, **settings):
    """A run whose weights are not trained, and the file of its export."""
    model = build(small_config(name, **{**SETTINGS, **settings}), dtype=dtype)
    run = write_run(place / "run", model)
    assert main([f"run={run}", "format=mace", f"out={place / 'mine.safetensors'}"]) == 0
    return run, place / "mine.safetensors"


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """One in double precision, whose files are only read."""
    return export(tmp_path_factory.mktemp("exported"))


@pytest.fixture(scope="module")
def mace(exported):
    """mace-torch's model."""
    return read_mace(exported[1])


def answer(mace, atoms):
    """Energy (eV) and forces (eV/Å) as mace-torch computes them from a structure."""
    table = AtomicNumberTable([int(z) for z in mace.atomic_numbers])
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(next(mace.parameters()).dtype)
    try:
        graph = data.AtomicData.from_config(
            data.config_from_atoms(atoms, data.KeySpecification.from_defaults()),
            z_table=table,
            cutoff=float(mace.r_max),
        )
        batch = torch_geometric.Batch.from_data_list([graph]).to_dict()
        out = mace(batch, compute_force=True)
    finally:
        torch.set_default_dtype(dtype)
    return out["energy"].item(), out["forces"].detach().numpy()


def neutral(make):
    """A structure of made-up labels whose charge adds nothing to the baseline."""
    atoms = make()
    atoms.info["total_charge"] = 0.0
    return atoms


@pytest.mark.parametrize("make", [slab, bulk, cluster])
def test_energies_and_forces_are_those_of_the_run(exported, mace, make):
    atoms = neutral(make)
    energy, forces = answer(mace, atoms)
    atoms.calc = BenchCalculator.from_run(exported[0], dtype="float64")
    assert energy == pytest.approx(atoms.get_potential_energy(), rel=0, abs=1e-10)
    np.testing.assert_allclose(forces, atoms.get_forces(), rtol=0, atol=1e-10)


def test_single_precision_and_scalars_alone(tmp_path, capsys):
    run, path = export(tmp_path, dtype=torch.float32, hidden_l_max=0)
    assert capsys.readouterr().out.split() == [str(path), str(path.with_suffix(".json"))]
    mace, atoms = read_mace(path), neutral(slab)
    assert {p.dtype for p in mace.parameters()} == {torch.float32}
    atoms.calc = BenchCalculator.from_run(run)
    assert answer(mace, atoms)[0] == pytest.approx(atoms.get_potential_energy(), abs=2e-3)


def test_a_page_shows_how_to_load_it_without_this_package(exported, mace, monkeypatch):
    monkeypatch.chdir(exported[1].parent)
    (code,) = blocks(ROOT / "docs" / "score_your_calculator.md", "python")
    assert "bench" not in code
    dtype, names = torch.get_default_dtype(), {}
    try:
        exec(code, names)
    finally:
        torch.set_default_dtype(dtype)
    loaded = names["model"]
    for key, value in mace.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value), key
    assert answer(loaded, neutral(cluster))[0] == answer(mace, neutral(cluster))[0]


def test_a_charged_cell_lacks_what_the_file_says(exported, mace):
    """Q Σ s_Z / V of the baseline has no place in a MACE."""
    atoms = bulk(charge=2.0)
    shifts = json.loads(exported[1].with_suffix(".json").read_text())["potential_shifts"]
    lacking = 2.0 * sum(shifts[str(z)] for z in atoms.numbers) / atoms.get_volume()
    assert abs(lacking) > 1e-3
    atoms.calc = BenchCalculator.from_run(exported[0], dtype="float64")
    found = answer(mace, atoms)[0] + lacking
    assert found == pytest.approx(atoms.get_potential_energy(), rel=0, abs=1e-9)


def test_a_point_with_charges_is_refused(tmp_path, monkeypatch):
    run = write_run(tmp_path / "run", build(small_config("local_charges")))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BenchError, match="model=local_charges is more than mace-torch's"):
        main([f"run={run}", "format=mace"])
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_files_that_do_not_belong_together_are_told(exported, tmp_path):
    path = tmp_path / "mine.safetensors"
    weights = load_file(exported[1])
    weights.pop("node_embedding.linear.weight")
    save_file(weights, path)
    with pytest.raises(BenchError, match=r"mine\.json does not exist"):
        read_mace(path)
    shutil.copy(exported[1].with_suffix(".json"), tmp_path)
    with pytest.raises(BenchError, match="are no model"):
        read_mace(path)
