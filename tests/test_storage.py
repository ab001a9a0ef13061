"""Files come to the disk whole or not at all, and one process at a time writes a folder."""

import csv
import json
import os
import subprocess
import sys

import ase
import pytest
import torch
import yaml
from ase.io import read

from bench import storage
from bench.errors import BenchError
from bench.storage import is_locked, locked, replacing, write_json, write_text


def names(folder):
    return sorted(path.name for path in folder.rglob("*"))


WRITERS = {
    "bytes": (storage.write_bytes, b"\x00\xff", lambda p: p.read_bytes()),
    "text": (storage.write_text, "Å\n", lambda p: p.read_text(encoding="utf-8")),
    "json": (
        write_json,
        {"mean": 0.1 + 0.2, "unit": "e Å", "ci95": None},
        lambda p: json.loads(p.read_text(encoding="utf-8")),
    ),
    "yaml": (
        storage.write_yaml,
        {"b": [1, 2], "a": "Å", "off": "off"},
        lambda p: yaml.safe_load(p.read_text(encoding="utf-8")),
    ),
    "csv": (
        storage.write_csv,
        [["epoch", "loss [e, e Å]"], ["1", ""]],
        lambda p: list(csv.reader(p.open(encoding="utf-8"))),
    ),
    "tensors": (
        storage.write_tensors,
        {"weights": [1.5, 2.5], "epoch": 3},
        lambda p: torch.load(p, weights_only=True),
    ),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_what_is_written_comes_back_and_nothing_else_stays(tmp_path, kind):
    write, content, load = WRITERS[kind]
    for _ in range(2):  # over the old file, too
        assert write(tmp_path / "new" / "file", content) == tmp_path / "new" / "file"
    assert load(tmp_path / "new" / "file") == content
    assert names(tmp_path) == ["file", "new"]


FULL = """
import resource, signal, sys
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
import torch
from bench.storage import write_json, write_tensors
try:
    if sys.argv[1] == "tensors":
        write_tensors(Path("file"), {"weights": torch.zeros(9999)})
    else:
        write_json(Path("file"), list(range(9999)))
except OSError as error:
    print(error)
"""


@pytest.mark.parametrize("kind", ["tensors", "json"])
def test_a_disk_that_takes_no_more_is_told_and_keeps_the_old_file(tmp_path, kind):
    """A limit on the size of files fails in the same place as a full disk."""
    (tmp_path / "file").write_text("old")
    words = [sys.executable, "-c", FULL, kind]
    said = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert said == "[Errno 27] File too large: 'file'\n"
    assert names(tmp_path) == ["file"] and (tmp_path / "file").read_text() == "old"


def test_structures_come_back(tmp_path):
    atoms = ase.Atoms("OH", positions=[[0, 0, 0], [0.1, 0.2, 0.9]], cell=[3, 3, 3], pbc=True)
    atoms.info["REF_energy"] = -1.5
    path = storage.write_frames(tmp_path / "frames.extxyz", [atoms, atoms])
    assert [a.info["REF_energy"] for a in read(path, ":")] == [-1.5, -1.5]
    assert names(tmp_path) == ["frames.extxyz"]


def test_json_puts_on_a_line_what_fits(tmp_path):
    """A metric is one line of a diff; nothing is lost, whatever is nested in what."""
    metric = {"name": "forces_rmse", "value": 146.25, "unit": "meV/Å", "ci95": [130.0, 150.5]}
    content = {
        "run": {"long": "x" * 250, "none": None, "empty": {}},
        "metrics": [metric] * 3,
        "n": (),
    }
    text = write_json(tmp_path / "metrics.json", content).read_text(encoding="utf-8")
    assert json.loads(text) == content | {"n": []}
    assert text.splitlines().count(f"    {json.dumps(metric, ensure_ascii=False)},") == 2


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_refuses_what_is_no_number(tmp_path, value):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "new" / "metrics.json", {"value": value})
    assert names(tmp_path) == []


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    path = write_text(tmp_path / "card.yaml", "seed: 0\n")
    with pytest.raises(OSError, match="disk full"), replacing(path) as temporary:
        temporary.write_text("see")
        raise OSError("disk full")
    assert names(tmp_path) == ["card.yaml"]
    assert path.read_text() == "seed: 0\n"


def test_the_old_file_stays_until_the_new_one_is_complete(tmp_path):
    path = write_text(tmp_path / "log.csv", "old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert (path.read_text(), temporary.suffix) == ("old", ".csv")
    assert path.read_text() == "new"


def test_a_block_that_writes_nothing_is_a_mistake_and_keeps_the_old_file(tmp_path):
    path = write_text(tmp_path / "log.csv", "old")
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert path.read_text() == "old"


def test_files_have_the_permissions_of_ordinary_files(tmp_path):
    path, umask = write_text(tmp_path / "a", ""), os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_lock_keeps_others_out_and_names_its_owner(tmp_path):
    folder = tmp_path / "new"
    assert not is_locked(folder)
    with locked(folder):
        assert is_locked(folder)
        with pytest.raises(BenchError, match=rf"pid {os.getpid()}") as error:
            locked(folder, mend="Take another.").__enter__()
        assert error.value.mend == "Take another."
    assert not is_locked(folder)
    with locked(folder):
        pass


def test_asking_takes_no_lock(tmp_path):
    with locked(tmp_path):
        pass
    assert not is_locked(tmp_path)
    with locked(tmp_path):
        assert is_locked(tmp_path) and is_locked(tmp_path)


def test_a_lock_ends_with_its_process(tmp_path):
    code = "import os, sys, pathlib; from bench.storage import locked\n" + (
        "with locked(pathlib.Path(sys.argv[1])): os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)]).returncode == 9
    assert not is_locked(tmp_path)
    with locked(tmp_path):
        pass
