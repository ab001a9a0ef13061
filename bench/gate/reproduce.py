"""Runs are computed again, and their numbers compared with those that are kept."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

from rich.console import Console

from bench.config.compose import combinations, compose
from bench.config.study import sweeps
from bench.data.dataset import dataset_checksum
from bench.errors import BenchError, RunFailed, nearest
from bench.models.registry import completed
from bench.report.drawing import NoData
from bench.report.paper.draw import drawing
from bench.report.paper.registry import FIGURES
from bench.report.paper.scene import none_found, scenes
from bench.runner import compute
from bench.runs.collection import collect
from bench.runs.folder import RunFolder
from bench.runs.identity import canonical, deciding, identify
from bench.runs.records import RecordDict


class Outcome(str, Enum):
    """What has become of the numbers of a run."""

    agrees = "agrees"
    differs = "differs"
    stale = "stale"
    missing = "missing"


@dataclass(frozen=True)
class Reproduction:
    """A run and whether it can be had again.

    Attributes:
        what: its folder, or its settings where it is missing.
        outcome: of the comparison, or why there was none.
        reason: in a line.
        numbers: a line for each number that differs.
    """

    what: str
    outcome: Outcome
    reason: str = ""
    numbers: list[str] = field(default_factory=list)


def again(folder: RunFolder, place: Path, *, tolerance: float, anyway: bool) -> Reproduction:
    """Compute a run again and compare every number.

    Args:
        folder: of the run.
        place: folder that the new run is written to.
        tolerance: relative change of a number, or of the half width of its interval where that is
            larger, that still agrees.
        anyway: compute it although code or data have changed.
    """
    what = str(folder.path)
    try:
        config, kept = completed(folder.read_config()), folder.read_metrics()
        made = folder.read_provenance()
        now = identify(config, dataset_checksum(config.system))
    except BenchError as error:
        return Reproduction(what, Outcome.missing, " ".join(str(error).split()))
    sides = {"data": now.data_checksum, "code": now.code_version}
    keys = {"data": "data_checksum", "code": "code_version"}
    changed = [name for name, value in sides.items() if made.get(keys[name]) != value]
    if changed and not anyway:
        told = f"{' and '.join(changed)} changed since; anyway=true computes it all the same"
        return Reproduction(what, Outcome.stale, told)
    new = RunFolder(place / folder.path.name)
    try:
        compute(replace(config, figures=False), now, new, Console(file=io.StringIO()))
    except RunFailed as error:
        return Reproduction(what, Outcome.differs, str(error))
    numbers = differing(kept["metrics"], new.read_metrics()["metrics"], tolerance)
    told = f"{len(kept['metrics'])} numbers, {len(numbers)} beyond {100 * tolerance:g} %"
    return Reproduction(what, Outcome.differs if numbers else Outcome.agrees, told, numbers)


def differing(
    before: Sequence[RecordDict], after: Sequence[RecordDict], tolerance: float
) -> list[str]:
    """A line for each number that is gone or differs by more than the tolerance."""
    found = {(record["name"], record["subset"]): record["value"] for record in after}
    lines = []
    for record in before:
        name = f"{record['name']}[{record['subset']}]"
        value = found.get((record["name"], record["subset"]))
        low, high = record["ci95"] or (0.0, 0.0)
        allowed = tolerance * max(abs(record["value"]), (high - low) / 2)
        if value is None:
            lines.append(f"{name}: {record['value']:.6g} {record['unit']} → absent")
        elif abs(value - record["value"]) > allowed:
            lines.append(f"{name}: {record['value']:.6g} → {value:.6g} {record['unit']}")
    return lines


def of_figure(name: str, places: Sequence[str]) -> list[RunFolder]:
    """The runs that a figure stands on: those of the experiments that are in it.

    Raises:
        BenchError: there is no such figure, or no finished run, or none that allows it.
    """
    if name not in FIGURES:
        raise BenchError(f"figure={name} does not exist.", nearest(name, FIGURES))
    found = scenes(collect(map(Path, places)))
    if not found:
        raise none_found(list(places))
    drawn, reasons = [], []
    for scene in found:
        try:
            labels = drawing(scene, name).labels or list(scene.points)
        except NoData as nothing:
            reasons.append(f"{scene.place}: {nothing}")
            continue
        drawn += [folder for label in labels for folder in scene.folders(label)]
    if not drawn:
        raise BenchError(f"No run allows {name}.", "; ".join(reasons))
    return drawn


def of_study(name: str, places: Sequence[str]) -> Iterator[RunFolder | Reproduction]:
    """The runs of a study, in its order; what is missing where there is none of these settings.

    Args:
        name: of the study.
        places: folders of its runs.

    Raises:
        BenchError: as ``sweeps``, or a place that does not exist.
    """
    kept = {}
    for run in collect(map(Path, places)).done.index:
        folder = RunFolder(Path(str(run)))
        kept[json.dumps(deciding(folder.read_plain_config()), sort_keys=True)] = folder
    for sweep in sweeps(name):
        for words in combinations(sweep):
            settings = canonical(completed(compose(words)))
            found = kept.get(json.dumps(settings, sort_keys=True))
            if found is None:
                told = f"no finished run in {', '.join(places)} has these settings"
                yield Reproduction(" ".join(words), Outcome.missing, told)
            else:
                yield found
