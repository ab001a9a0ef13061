"""Which elements have a formal charge, and what is said of the others."""

from __future__ import annotations

import pytest
import torch
from ase.data import chemical_symbols

from bench.errors import BenchError
from bench.labels.elements import METALS
from bench.models.formal_charges import IONS, formal_charges

REFUSED = "He B C N F Ne P S Cl Ar Ge As Se Br Kr Sb Te I Xe At Rn Ts Og"


def test_every_element_is_a_metal_an_ion_or_refused() -> None:
    others = set(range(1, 119)) - METALS - set(IONS)
    assert [chemical_symbols[z] for z in sorted(others)] == REFUSED.split()
    assert not METALS & set(IONS)


def test_charges_are_in_the_order_of_the_elements() -> None:
    found = formal_charges([78, 14, 1, 8], "split_charges")
    assert found.dtype == torch.float64 and found.tolist() == [0.0, 4.0, 1.0, -2.0]
    assert formal_charges([], "split_charges").shape == (0,)


def test_all_strangers_are_named_with_what_is_known_and_what_to_do() -> None:
    with pytest.raises(BenchError) as refusal:
        formal_charges([1, 6, 8, 17], "split_charges")
    assert refusal.value.problem.startswith("model=split_charges: no formal charge is known for C,")
    for text in ("C, Cl ", "H +1, O −2, Si +4, metals 0"):
        assert text in refusal.value.problem
    assert "model=local_charges" in refusal.value.mend


def test_a_place_holder_is_no_metal() -> None:
    with pytest.raises(BenchError, match="known for X "):
        formal_charges([0], "fixed_charge")
