"""Cells and what they give, made up."""

from __future__ import annotations

from bench.gate.baseline import Baseline

WORDS = ["model=les", "preset=smoke"]


def number(name, *values, seeds=(), better="lower"):
    """A number of a baseline: values over rounding, and of further seeds."""
    spreads = {"rounding": list(values), "seeds": [values[0], *seeds]}
    return {"name": name, "subset": "all", "unit": "meV/Å", "better": better, **spreads}


def baseline(*numbers, **more):
    """A baseline of cell ``a``."""
    facts = {
        "data_checksum": "d" * 64,
        "code_version": "c0",
        "cpu": "x",
        "packages": {"torch": "2"},
    }
    return Baseline(**{"cell": "a", "words": WORDS, **facts, "numbers": list(numbers), **more})
