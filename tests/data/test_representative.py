"""A few structures have what all have."""

import ase
import pytest

from bench.data.representative import representative


def frames(*sizes, symbol="H"):
    return [ase.Atoms(f"{symbol}{size}") for size in sizes]


@pytest.mark.parametrize(
    ("size", "chosen"), [(1, [3]), (2, [2, 4]), (5, [1, 2, 3, 4, 5]), (9, [1, 2, 3, 4, 5])]
)
def test_sizes_are_evenly_spaced(size, chosen):
    assert [len(a) for a in representative(frames(5, 3, 1, 2, 4), size)] == chosen


def test_every_element_and_label_is_there():
    rare, labelled = frames(1, symbol="Au")[0], frames(9)[0]
    labelled.info["REF_dipole"] = [0.0, 0.0, 1.0]
    chosen = representative([*frames(2, 3, 4), rare, labelled, *frames(10)], 1)
    assert chosen[0] not in (rare, labelled)
    assert any(a is rare for a in chosen) and any(a is labelled for a in chosen)


def test_of_nothing_there_is_nothing():
    assert representative([], 3) == []
