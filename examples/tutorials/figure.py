"""A figure: how force errors are distributed, element by element."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import ase
import numpy as np
from matplotlib.figure import Figure

from bench.evaluate.selection import converged
from bench.labels.quantities import FORCES
from bench.report.drawing import NoData, panels


# --8<-- [start:figure]
def force_error_figure(frames: Sequence[ase.Atoms], title: str) -> Figure:
    """The part of the force components of each element whose error is larger than a value.

    Args:
        frames: the test set, as in predictions.extxyz.
        title: system and model.

    Raises:
        NoData: no structure with forces and a converged density.
    """
    errors: dict[str, list[float]] = defaultdict(list)
    for atoms in frames:
        if converged(atoms) and FORCES.reference_key in atoms.arrays:
            off = atoms.arrays[FORCES.predicted_key] - atoms.arrays[FORCES.reference_key]
            for symbol, row in zip(atoms.get_chemical_symbols(), np.abs(off)):
                errors[symbol] += list(1000 * row)  # meV/Å
    if not errors:
        raise NoData("no structure with forces and a converged density")
    figure, (axes,) = panels(1, title=title)
    for symbol, values in sorted(errors.items()):
        larger = 1 - np.arange(len(values)) / len(values)
        axes.plot(np.sort(values), larger, label=f"{symbol}, {len(values)} components")
    axes.set(xscale="log", yscale="log", xlabel="force error (meV/Å)", ylabel="part above it")
    axes.legend()
    return figure


# --8<-- [end:figure]
