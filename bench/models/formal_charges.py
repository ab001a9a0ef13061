"""Formal charges of the elements: H +1, O −2, Si +4, metals 0, as chemists count them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from ase.data import chemical_symbols
from torch import Tensor

from bench.errors import BenchError
from bench.labels.elements import METALS

IONS = {1: 1.0, 8: -2.0, 14: 4.0}  # e


def formal_charges(elements: Sequence[int], model: str) -> Tensor:
    """[z] float64, formal charges in e.

    Args:
        elements: atomic numbers.
        model: name of the point, for the message.

    Raises:
        BenchError: an element that is neither a metal nor has a charge in ``IONS``.
    """
    charges = {**dict.fromkeys(METALS, 0.0), **IONS}
    unknown = [chemical_symbols[number] for number in elements if number not in charges]
    if unknown:
        raise BenchError(
            f"model={model}: no formal charge is known for {', '.join(unknown)} "
            "(known: H +1, O −2, Si +4, metals 0).",
            "Choose a point that learns its charges, such as model=local_charges.",
        )
    return torch.tensor([charges[number] for number in elements], dtype=torch.float64)
