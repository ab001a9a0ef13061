"""Keys of predictions.extxyz that no quantity has of its own."""

from __future__ import annotations

from bench.labels.quantities import ENERGY, FORCES, MULTIPOLES, Quantity

# What a point says of a density that is given to it, the reference's.
AT_REFERENCE = (ENERGY, FORCES, MULTIPOLES)


def at_reference_key(quantity: Quantity) -> str:
    """Of what is predicted with the reference density in place of the model's own."""
    return f"{quantity.predicted_key}_at_reference"
