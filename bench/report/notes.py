"""Lines below a table of errors: failed solves, slopes of field series, what is missing."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from bench.evaluate.registry import (
    ACCURACY,
    ACCURACY_AT_REFERENCE,
    CHARGE_STATES,
    CHARGE_VALUES,
    FIELD_RESPONSE,
    FIELD_VALUES,
    RELAXED,
    SCF_RESPONSE,
    SCF_SOLVE,
)
from bench.labels.quantities import FERMI_LEVEL
from bench.runs.records import MetricsFile

MOST_INDICES = 20
# what a list of absent metrics calls them, many under one name
SHORT_NAMES = {
    **{
        name: family.name.replace("_", " ")
        for family in (
            *(*ACCURACY.values(), *ACCURACY_AT_REFERENCE.values()),
            *(*FIELD_RESPONSE, *CHARGE_STATES, *RELAXED),
        )
        for name in family.names
    },
    **{
        name: re.sub("_(reference|correction)$", "", name).replace("_", " ")
        for name in (metric.name for metric in (*FIELD_VALUES, *CHARGE_VALUES))
    },
    **{metric.name: "self-consistency" for metric in SCF_SOLVE},
    **{metric.name: "response eigenvalues" for metric in SCF_RESPONSE},
}


def warnings(metrics: MetricsFile) -> list[str]:
    """What must not be overlooked: structures that are in no error, unstable solutions."""
    lines = []
    if metrics["unconverged"]:
        lines.append(
            f"WARNING: the density of {_structures(metrics['unconverged'])} did not converge; "
            "no error counts them."
        )
    lines += [
        f"WARNING: {key} is NaN or infinite in {_structures(indices)}; its errors leave them out."
        for key, indices in metrics["non_finite"].items()
        if key != FERMI_LEVEL.predicted_key or "fermi_level_rmse" not in metrics["absent"]
    ]
    unstable = _values(metrics).get(("scf_unstable_count", "all"), 0)
    if unstable:
        lines.append(
            f"WARNING: {unstable:.0f} of the solutions are unstable "
            "(a response eigenvalue is above 1)."
        )
    return lines


def _structures(indices: Sequence[int]) -> str:
    if len(indices) == 1:
        return f"1 test structure (index {indices[0]})"
    shown = ", ".join(map(str, indices[:MOST_INDICES]))
    more = ", …" if len(indices) > MOST_INDICES else ""
    return f"{len(indices)} test structures (indices {shown}{more})"


def _values(metrics: MetricsFile) -> dict[tuple[str, str], float]:
    return {(r["name"], r["subset"]): r["value"] for r in metrics["metrics"]}


def solve_lines(metrics: MetricsFile) -> list[str]:
    """Health of the self-consistent solves."""
    known = ("scf_iterations_mean", "all") in _values(metrics)
    return [f"self-consistency: {', '.join(_solve_parts(metrics))}"] if known else []


# metrics whose values of one series, charge or level stand on one line, with their texts
_ON_ONE_LINE = {
    "dipole_slope": "dM/dE {0:.3g} e Å²/V, DFT {1:.3g}",
    "cooperativity": "cooperativity {0:.2g}, DFT {1:.2g}",
    "screening_ratio": "screening ratio {0:.2g}, DFT {1:.2g}",
    "vacancy_charge": "added charge within 3 Å {0:.3g} e, DFT {1:.3g}",
    "vacancy_opening": "opening {0:.3g} Å, DFT {1:.3g}",
    "transition_level": "ε {0:.3g} eV, DFT {1:.3g}",
    "relaxed_level": "relaxed ε {0:.3g} eV, DFT {1:.3g}",
    "formation_energy": "formation energy {0:.3g} eV, DFT {1:.3g}",
}


def response_lines(metrics: MetricsFile) -> list[str]:
    """What every field series, charge and level says, of the model and of DFT."""
    values = _values(metrics)
    lines: dict[str, list[str]] = defaultdict(list)
    for name, text in _ON_ONE_LINE.items():
        for (found, subset), value in values.items():
            if found == name:
                lines[subset].append(text.format(value, values[f"{name}_reference", subset]))
    return [f"{subset}: {'; '.join(texts)}" for subset, texts in lines.items()]


def _solve_parts(metrics: MetricsFile) -> list[str]:
    """The health metrics that there are, each with its value and its n."""
    texts = {
        "scf_unconverged_count": "{0:.0f} of {1} structures unconverged",
        "scf_iterations_mean": "{0:.3g} iterations",
        "scf_iterations_max": "at most {0:.0f}",
        "scf_residual_max": "residual up to {0:.1e} e",
        "scf_spectral_radius_max": "spectral radius up to {0:.3g}",
    }
    found = {r["name"]: (r["value"], r["n"]) for r in metrics["metrics"]}
    return [text.format(*found[name]) for name, text in texts.items() if name in found]


def absences(metrics: MetricsFile, *, most: int | None = None) -> list[str]:
    """One line per reason, the quantities by name: ``absent: dipole, charges: not predicted``.

    Args:
        metrics: of a run.
        most: quantities on a line, of which the others are counted; None: all.
    """
    by_reason: dict[str, dict[str, dict[str, None]]] = defaultdict(lambda: defaultdict(dict))
    for key, reason in metrics["absent"].items():
        name, _, subset = key.partition("[")
        short = SHORT_NAMES.get(name, name.replace("_", " "))
        by_reason[reason][short][subset.rstrip("]")] = None
    lines = []
    for reason, names in by_reason.items():
        named = [_of(name, list(subsets)) for name, subsets in names.items()]
        more = len(named[most:]) if most else 0
        others = f" and {more} more, see metrics.json" if more else ""
        lines.append(f"absent: {', '.join(named[:most])}{others}: {reason}")
    return lines


def _of(name: str, subsets: Sequence[str]) -> str:
    """``layer slope of group=g88 and 3 others``; the name alone where all are meant."""
    if "" in subsets:
        return name
    others = f"{len(subsets) - 1} others" if len(subsets) > 2 else subsets[-1]
    return f"{name} of {subsets[0]}" + (f" and {others}" if len(subsets) > 1 else "")
