"""The runs that a study consists of, whether they have begun or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import pandas as pd

from bench.config.catalogue import ON_SYSTEM, choices
from bench.config.compose import combinations, compose
from bench.config.study import sweeps
from bench.runs.collection import RUN_COLUMNS, Collection, changed
from bench.runs.identity import plain

NOT_STARTED = "not started"


class Cell(NamedTuple):
    """What tells a run from the others of its study, as the table of runs has it."""

    system: str
    model: str
    preset: str
    seed: int
    changed: str


def cells(study: str) -> list[Cell]:
    """The runs of a study, in its order.

    Raises:
        BenchError: as ``sweeps``, or settings that no run can have.
    """
    return [_cell(words) for sweep in sweeps(study) for words in combinations(sweep)]


def places_of(study: str) -> list[str]:
    """The folders that a study writes its runs to.

    Raises:
        BenchError: as ``cells``.
    """
    first = [combinations(sweep)[0] for sweep in sweeps(study)]
    return list(dict.fromkeys(compose(words).results_dir for words in first))


def of_study(study: str, found: Collection) -> Collection:
    """The cells of a study as a table of runs; those that nobody has begun say so.

    A cell is known by its settings, whatever the versions of data and code: several runs with the
    same ones are several rows.

    Args:
        study: its name.
        found: the runs that are there.

    Raises:
        BenchError: as ``cells``.
    """
    wanted = pd.DataFrame(cells(study), columns=list(Cell._fields))
    wanted = wanted.astype({column: RUN_COLUMNS[column] for column in Cell._fields})
    rows = wanted.merge(found.runs.reset_index(), how="left", on=list(Cell._fields))
    rows["status"] = rows["status"].fillna(NOT_STARTED)
    return replace(found, runs=rows.set_index("run"))


def _cell(words: Sequence[str]) -> Cell:
    """Of the words of one combination: its seed, and a system that no preset knows, change none
    of the other settings."""
    own = {
        key: word
        for word in words
        if (key := word.partition("=")[0]) == "seed" or (key == "system" and not _known(word))
    }
    system, model, preset, seed, settings = _composed(
        tuple(word for word in words if word not in own.values())
    )
    typed = {key: word.partition("=")[2] for key, word in own.items()}
    return Cell(typed.get("system", system), model, preset, int(typed.get("seed", seed)), settings)


def _known(word: str) -> bool:
    """Whether a preset is another on the system of ``system=NAME``."""
    system = word.partition("=")[2]
    return any(name.endswith(f"_{system}") for name in choices(ON_SYSTEM))


@cache
def _composed(words: tuple[str, ...]) -> Cell:
    config = compose(words)
    names = config.system.name, config.model.name, config.preset
    settings = changed(plain(config)).items()
    return Cell(*names, config.seed, " ".join(f"{key}={value}" for key, value in settings))
