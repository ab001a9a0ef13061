"""Numbers of the study within sentences, from its tables.

A sentence asks for one where it stands: ``{{ study pt_water scf_qeq forces_rmse .0f }}``, the
number of a model's runs with default settings, in the format behind it.  Several models, joined by
commas, give the lowest to the highest.  ``scf_qeq:training.clip_gradient=10.0`` is an experiment
with other settings (joined by plus signs), ``scf_qeq@standard`` its runs of that preset,
``forces_rmse/training`` a metric in another subset than ``all``; a subset with stars is the mean
over those that match.
``{{ claim pt_water scf_qeq polarises .1f }}`` is the number of the claim with this word in it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from fnmatch import fnmatchcase
from functools import cache

import pandas as pd

from docs.hooks.study import STUDY, study

PRESET = "quick"  # whose runs sentences tell of unless they say another
_ASKED = re.compile(
    r"\{\{\s(?P<table>study|claim)\s(?P<system>\S+)\s(?P<models>\S+)\s"
    r"(?P<what>\S+)\s(?P<form>\S+)\s\}\}"
)


def on_page_markdown(markdown: str, **_: object) -> str:
    """The page with the numbers that its sentences ask for.

    Raises:
        ValueError: the tables do not have such a number, or several.
    """
    return _ASKED.sub(_told, markdown)


def _told(asked: re.Match[str]) -> str:
    number = measured if asked["table"] == "study" else claimed
    models = asked["models"].split(",")
    found = sorted(number(asked["system"], model, asked["what"]) for model in models)
    ends = dict.fromkeys(format(value, asked["form"]) for value in (found[0], found[-1]))
    return " to ".join(ends).replace("-", "−")


def measured(system: str, model: str, what: str) -> float:
    """A number of the study.

    Args:
        system: name.
        model: name, with another preset behind an @ and settings other than the defaults behind a
            colon.
        what: metric, with a subset other than ``all`` behind a slash.

    Returns:
        the mean over seeds, in the metric's unit.

    Raises:
        ValueError: there is no such number.
    """
    which, _, settings = model.partition(":")
    name, _, preset = which.partition("@")
    metric, _, subset = what.partition("/")
    settings = re.sub(r"\+(?!\d)", " ", settings)  # a charge has a plus sign of its own
    means = _means().get((system, name, preset or PRESET, settings, metric), {})
    wanted = [mean for one, mean in means.items() if fnmatchcase(one, subset or "all")]
    if not wanted:
        raise ValueError(f"The study has no {what} of {model} on {system}.")
    return sum(wanted) / len(wanted)


@cache
def _means() -> dict[tuple[str, ...], dict[str, float]]:
    """By subset, of every system, model, preset, settings and metric."""
    rows = study()
    found: dict[tuple[str, ...], dict[str, float]] = defaultdict(dict)
    columns = ["system", "model", "preset", "changed", "name", "subset", "mean"]
    for *which, subset, mean in rows[columns].itertuples(index=False):
        found[tuple(which)][subset] = mean
    return found


def claimed(system: str, model: str, word: str) -> float:
    """A number of ``results/study/claims.csv``.

    Args:
        system: name.
        model: as the claim calls it.
        word: of the claim and of no other claim on this system and model.

    Raises:
        ValueError: not exactly one row is meant.
    """
    rows = pd.read_csv(STUDY / "claims.csv")
    rows = rows[(rows["system"] == system) & (rows["model"] == model) & (rows["preset"] == PRESET)]
    found = rows.loc[rows["claim"].str.contains(rf"\b{word}\b"), "value"]
    if len(found) != 1:
        raise ValueError(f"{len(found)} claims with {word} of {model} on {system}, one is meant.")
    return float(found.iloc[0])
