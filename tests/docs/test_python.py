"""The Python that pages show runs, from the first block of a page to the last."""

from pathlib import Path

import pytest
from ase import Atoms
from ase.build import fcc111, molecule
from ase.io import read

from bench.inference.predict import predict_frames
from bench.runs.folder import RunFolder, Status
from bench.storage import write_frames, write_json
from bench.testing.frames import labelled
from bench.testing.small import build, small_config
from tests.docs.commands import ROOT, blocks
from tests.trained import write_run

PAGES = [
    ROOT / "README.md",
    *(ROOT / "docs" / f"{name}.md" for name in ("ase", "files", "own_data")),
]


def wet_platinum() -> Atoms:
    """A slab as in pt_water."""
    slab = fcc111("Pt", (2, 1, 2), vacuum=8.0)
    water = molecule("H2O")
    water.translate(slab.positions[-1] + [0.0, 0.0, 2.4] - water.positions[0])
    slab += water
    slab.pbc = [True, True, False]
    return labelled(slab, seed=0)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with the run that the pages speak of."""
    folder = tmp_path_factory.mktemp("reader")
    frames = [wet_platinum()]
    model = build(small_config("scf_qeq"), frames=frames)
    run = RunFolder(write_run(folder / "results/runs/pt_water/scf_qeq/RUNID", model))
    run.write_predictions(predict_frames(model, frames, batch_size=1))
    run.write_status(Status.done)
    write_json(run.path / "metrics.json", METRICS)
    for count, part in enumerate(("train", "valid", "test"), 1):
        write_frames(folder / f"{part}.xyz", count * [molecule("H2O")])
    run.write_provenance({"sessions": [], "hardware": {}})
    return folder


METRICS = {
    "schema_version": 1,
    "run": {},
    "metrics": [
        {
            "name": "forces_rmse",
            "subset": "all",
            "value": 80.0,
            "unit": "meV/Å",
            "n": 40,
            "ci95": [70.0, 90.0],
            "better": "lower",
        }
    ],
    "absent": {},
    "unconverged": [],
    "non_finite": {},
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_blocks_of_a_page_run_one_after_the_other(page, place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    names: dict[str, object] = {}
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), names)
    if page.name == "files.md":
        assert "meV/Å" in capsys.readouterr().out
    if page.name == "own_data.md":
        parts = [atoms.info["part"] for atoms in read(place / "mine.xyz", ":")]
        assert parts == ["train", "valid", "valid", "test", "test", "test"]
