"""Files with any name and any content are read, or refused with the structure's index."""

import gzip

import numpy as np
import pytest
from ase.io import write

from bench.data.extxyz import read_extxyz
from bench.errors import BenchError
from bench.testing.frames import bulk, cluster, slab

ATOM = "1\n\nH 0 0 0\n"


def test_what_ase_writes_is_read_back(tmp_path):
    frames = [slab(), bulk(), cluster()]
    write(tmp_path / "a.extxyz", frames, format="extxyz")
    read = read_extxyz(tmp_path / "a.extxyz")
    for atoms, other in zip(frames, read, strict=True):
        assert other.numbers.tolist() == atoms.numbers.tolist()
        assert other.pbc.tolist() == atoms.pbc.tolist() and set(other.info) == set(atoms.info)
        np.testing.assert_allclose(
            other.arrays["REF_forces"], atoms.arrays["REF_forces"], atol=1e-8
        )


@pytest.mark.parametrize("name", ["left@300K.xyz", "a@:.xyz", "plain", "ö =(1).xyz", 'q"uote.xyz'])
def test_a_name_is_a_name(tmp_path, name):
    (tmp_path / name).write_text(ATOM + ATOM)
    assert [len(atoms) for atoms in read_extxyz(tmp_path / name)] == [1, 1]


@pytest.mark.parametrize(
    "text", ["\ufeff" + ATOM, ATOM + "\n\n", ATOM.replace("\n", "\r\n"), "\n" + ATOM]
)
def test_marks_and_blank_lines_hide_nothing(tmp_path, text):
    (tmp_path / "a.xyz").write_bytes((text + ATOM).encode())
    assert len(read_extxyz(tmp_path / "a.xyz")) == 2


def test_a_compressed_file(tmp_path):
    (tmp_path / "a.xyz.gz").write_bytes(gzip.compress(ATOM.encode()))
    assert len(read_extxyz(tmp_path / "a.xyz.gz")) == 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (ATOM + "1\n\nD 0 0 0\n", "structure 1: 'D' is no chemical element.\nAn isotope"),
        ("1\n\nQq 0 0 0\n", "structure 0: 'Qq' is no chemical element"),
        (ATOM + "2\n\nH 0 0 0\n", "structure 1 cannot be read as extxyz: Frame has 1 atoms"),
        ("1\n\nH 0 0\n", "structure 0 cannot be read"),
        (ATOM + "H 0 0 0\n", "structure 1 (line 4) cannot be read as extxyz: expected its number"),
        ("0\n\n", "structure 0 (line 1) cannot be read"),
        ("-1\n\n", "structure 0 (line 1) cannot be read"),
        ('1\nvirial="1 2"\nH 0 0 0\n', "structure 0 cannot be read"),
        ("words", "found 'words'"),
    ],
)
def test_a_structure_that_cannot_be_read_is_named(tmp_path, text, found):
    (tmp_path / "a.xyz").write_text(text)
    with pytest.raises(BenchError) as error:
        read_extxyz(tmp_path / "a.xyz")
    assert found in str(error.value) and str(tmp_path / "a.xyz") in str(error.value)


@pytest.mark.parametrize("content", [b"\xff\xfe1\x00", None, "folder"])
def test_what_is_no_text_file(tmp_path, content):
    path = tmp_path / "a.xyz"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(BenchError, match=r"a\.xyz (cannot be read|does not exist)"):
        read_extxyz(path)


def test_a_broken_archive(tmp_path):
    (tmp_path / "a.xyz.gz").write_text(ATOM)
    with pytest.raises(BenchError, match="cannot be read as extxyz"):
        read_extxyz(tmp_path / "a.xyz.gz")
