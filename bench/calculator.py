"""A trained point as an ASE calculator: ``from bench.calculator import BenchCalculator``."""

from bench.inference.calculator import BenchCalculator

__all__ = ["BenchCalculator"]
