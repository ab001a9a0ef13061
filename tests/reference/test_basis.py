"""Uncontracted basis sets from CP2K's data file."""

from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.reference.basis import uncontracted

RECORDED = Path(__file__).parent / "recorded"


@pytest.fixture(autouse=True)
def basis_sets(monkeypatch):
    monkeypatch.setenv("CP2K_DATA_DIR", str(RECORDED))


@pytest.mark.parametrize(
    ("symbol", "exponents", "head"),
    [
        ("H", 5, "2 0 1 1 1 1"),
        ("O", 5, "2 0 2 1 1 1 1"),
        ("Al", 4, "2 0 2 1 1 1 1"),
        ("Pt", 6, "2 0 3 1 1 1 1 1"),
    ],
)
def test_every_exponent_is_a_set_with_every_angular_momentum(symbol, exponents, head):
    count, *sets = uncontracted(symbol)
    assert int(count) == exponents and sets[::2] == [head] * exponents
    found = [float(line.split()[0]) for line in sets[1::2]]
    assert found == sorted(set(found), reverse=True)
    functions = len(head.split()) - 4
    assert all(line.split()[1:] == ["1.0"] * functions for line in sets[1::2])


def test_hydrogens_exponents():
    found = [float(line.split()[0]) for line in uncontracted("H")[2::2]]
    assert found == [
        10.068468228533,
        2.680222868089,
        0.791501539122,
        0.239116150487,
        0.082193184441,
    ]


def test_what_is_not_there_is_told(monkeypatch, tmp_path):
    with pytest.raises(BenchError, match="no DZVP-MOLOPT-SR-GTH of Xx"):
        uncontracted("Xx")
    monkeypatch.setenv("CP2K_DATA_DIR", str(tmp_path))
    with pytest.raises(BenchError, match="cp2k-data"):
        uncontracted("H")
