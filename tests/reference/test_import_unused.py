"""What a file holds and nothing was taken from is said, state with the option that would use it."""

from pathlib import Path

import numpy as np
import pytest

from bench.errors import BenchError
from bench.reference.import_unused import refuse_bulk_in_field, unused
from tests.reference.imported import crystal, stated, water

HERE = Path("mine.xyz")


def told(key, value, number=2):
    frames = [water(seed) for seed in range(3)]
    for atoms in frames[:number]:
        atoms.info[key] = value
        atoms.arrays.pop("AIMS_atom_multipoles")
    frames[2].arrays.pop("AIMS_atom_multipoles")
    return unused(frames, stated())


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        (
            "external_field",
            np.array([0, 0, 0.1]),
            "(0 to 0.1) of 2 of 3 structures is not used",
        ),
        ("efield", 0.1, "if it is the field: map.field=efield"),
        ("E_ext", np.ones(3), "if it is the field: map.field=E_ext"),
        (
            "charge",
            1,
            "charge (1) of 2 of 3 structures is not used; if it is the total_ch",
        ),
        ("net_charge", "1+", "net_charge (1+) of 2"),
        ("spin", 3, "if it is the multiplicity: map.multiplicity=spin"),
        ("multiplicity_2", "triplet", "(triplet) of 2"),
    ],
)
def test_state_that_is_not_mapped_is_named_with_its_option(key, value, line):
    (found,) = told(key, value)
    assert found.startswith(f"warning: {key} (") and line in found


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("functional", "PBE"),
        ("charges_of_atoms", np.ones(7)),
        ("text", "x"),
        ("step", 3),
        ("spin", "None"),
    ],
)
def test_other_keys_are_listed(key, value):
    assert told(key, value) == [f"note: not used: {key} (map.NAME=KEY would)"]


def test_what_is_mapped_or_ases_own_is_not_listed():
    frames = [water(0)]
    frames[0].arrays["momenta"] = np.zeros((3, 3))
    frames[0].info["q"] = 1.0
    assert unused(frames, stated(map={"multipoles": "AIMS_atom_multipoles"})) == []
    frames[0].arrays["charges"] = frames[0].arrays.pop("AIMS_atom_multipoles")  # ase renames it
    assert unused(frames, stated(map={"multipoles": "charge"})) == []


@pytest.mark.parametrize(
    ("key", "options"),
    [("E", {}), ("efield", {}), ("external_field", {"map": {"field": "none"}})],
)
def test_bulk_in_a_field_is_refused_before_anything_else(key, options):
    """Even where nothing is mapped yet."""
    frames = [crystal(seed) for seed in range(3)]
    frames[2].info[key] = np.array([0, 0, 0.05])
    with pytest.raises(BenchError) as error:
        refuse_bulk_in_field(dict(enumerate(frames)), stated("bulk", **options), HERE)
    assert f"mine.xyz, structure 2: {key}=[0.0, 0.0, 0.05]: boundary=bulk" in error.value.problem
    assert "is not supported" in error.value.problem


def test_bulk_without_a_field_passes():
    frames = [crystal(0), crystal(1)]
    frames[0].info["E"] = np.zeros(3)
    frames[1].info["efield"] = np.ones(3)
    refuse_bulk_in_field({0: frames[0]}, stated("bulk"), HERE)
    # stated: there is none
    refuse_bulk_in_field({1: frames[1]}, stated("bulk", field="0"), HERE)
    refuse_bulk_in_field(dict(enumerate(frames)), stated("slab"), HERE)
    with pytest.raises(BenchError, match=r"field=0\.1 V/Å: boundary=bulk"):
        refuse_bulk_in_field(dict(enumerate(frames)), stated("bulk", field="0.1"), HERE)


def test_what_metrics_read_is_used():
    assert told("vacancy_site", np.zeros(3)) == []
