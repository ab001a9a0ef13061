"""What one figure compares: the runs of one system, version of its data and preset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms

from bench.errors import BenchError
from bench.labels.state import CHARGE_KEY
from bench.report.drawing import NoData
from bench.report.groups import interval, settings, shared, summarise
from bench.report.paper.cost import OUTSIDER, with_costs
from bench.report.paper.points import PointStyle, styles
from bench.runs.collection import DAMAGED, DUPLICATE, Collection
from bench.runs.folder import RunFolder, Status

MODE, SIZE = "training.mode", "system.train_size"
MODES = ("auto", "staged", "implicit", "unrolled", "direct")  # the best first
DATA = ["system", "data_checksum"]
WELL = (Status.done.value, DUPLICATE)
OVER = (Status.failed.value, Status.diverged.value, DAMAGED)  # others may still end well
CHARGE = f"{CHARGE_KEY}="  # begins the name of a subset of one total charge
REASON = 120  # characters of a reason in a caption


@dataclass(frozen=True)
class Scene:
    """Experiments that may be compared; an experiment is what only seeds tell apart.

    Attributes:
        system: name.
        preset: name.
        checksum: of the data.
        runs: the finished runs, with ``label`` of their experiment, settings of its ``own`` beyond
            those that all share, and whether it is ``plain``: not the same point in another mode
            or on fewer structures.
        metrics: a row for each number of each run, with ``label`` and ``plain``.
        numbers: of ``summarise``, with ``label`` and ``plain``.
        place: where its figures lie under the folder of figures, ``system/preset``; the checksum
            is in it where there are runs on several versions of the data.
        failed: label to status and reason of the experiments that have no number at all.
    """

    system: str
    preset: str
    checksum: str
    runs: pd.DataFrame
    metrics: pd.DataFrame
    numbers: pd.DataFrame
    failed: dict[str, str]
    place: str

    def title(self, text: str) -> str:
        """Of a figure: system, preset and what it shows."""
        return f"{self.system}, preset {self.preset}: {text}"

    @cached_property
    def points(self) -> dict[str, str]:
        """Label to model of the plain experiments, in the order of the design space."""
        return _ordered(self.runs[self.runs["plain"]])

    @cached_property
    def experiments(self) -> dict[str, str]:
        """Label to model of all experiments."""
        return _ordered(self.runs)

    @cached_property
    def styles(self) -> dict[str, PointStyle]:
        """Model to style, for the models of this scene."""
        return styles(self.runs["model"])

    def style(self, label: str) -> PointStyle:
        """Of an experiment."""
        return self.styles[self.experiments[label]]

    def filled(self, label: str) -> str:
        """Matplotlib's fillstyle: several experiments of one point are told apart by it."""
        model = self.experiments[label]
        everything = [*self.points.items(), *self.experiments.items()]
        alike = [name for name, of in dict(everything).items() if of == model]
        return ("full", "none", "left", "right", "top", "bottom")[alike.index(label) % 6]

    def values(self, name: str, subset: str = "all") -> pd.DataFrame:
        """A metric by label: mean, low, high, seeds, n and unit, of those that have it."""
        numbers = self.numbers
        return numbers[(numbers["name"] == name) & (numbers["subset"] == subset)].set_index("label")

    def mean_over(self, name: str, subsets: Sequence[str]) -> pd.DataFrame:
        """As ``values``, of each run's mean over subsets such as the series of one kind."""
        of = self.metrics
        rows = of[(of["name"] == name) & of["subset"].isin(subsets)]
        each = rows.groupby(["label", "run", "unit"], sort=False)["value"].mean().reset_index()
        return over_seeds(each).assign(n=len(subsets))

    def subsets(self, name: str) -> list[str]:
        """Subsets in which some experiment has the metric, in the order in which they came."""
        return list(dict.fromkeys(self.numbers.loc[self.numbers["name"] == name, "subset"]))

    def charge_subsets(self, name: str) -> list[str]:
        """Those of ``subsets`` that are one total charge, from the lowest to the highest."""
        found = [s for s in self.subsets(name) if s.startswith(CHARGE) and "," not in s]
        return sorted(found, key=lambda subset: float(subset.removeprefix(CHARGE)))

    def reference(self, name: str, subset: str) -> float:
        """DFT's value of a quantity; the mean over runs, which may differ in what they score."""
        return float(self.values(f"{name}_reference", subset)["mean"].mean())

    def folders(self, label: str) -> Iterator[RunFolder]:
        """The runs of an experiment, one per seed."""
        for run in self.runs.index[self.runs["label"] == label]:
            yield RunFolder(Path(str(run)))

    def predictions(self, labels: Iterable[str], *, none: str) -> dict[str, list[list[Atoms]]]:
        """What the runs of some experiments predict, one list of structures per seed.

        Runs that have not kept their predictions are left out.

        Args:
            labels: of experiments.
            none: the reason where there is no run at all.

        Raises:
            NoData: no run has kept them.
        """
        found: dict[str, list[list[Atoms]]] = {}
        reasons = []
        for label in labels:
            for folder in self.folders(label):
                try:
                    frames = folder.read_predictions()
                except BenchError as error:
                    reasons.append(error.problem)
                else:
                    found.setdefault(label, []).append(frames)
        if not found:
            raise NoData(reasons[0] if reasons else none)
        return found

    def setting(self, label: str, key: str) -> Any:
        """A setting of an experiment by its dotted name; None where its runs have no such key."""
        value: Any = next(self.folders(label)).read_plain_config()
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value


def over_seeds(each: pd.DataFrame) -> pd.DataFrame:
    """Mean, low and high (95 %, NaN of one seed), seeds and unit by label.

    Args:
        each: a row per run, with label, value and unit.
    """
    found = each.groupby(["label", "unit"], sort=False)["value"].agg(["mean", "std", "size"])
    found = found.rename(columns={"size": "seeds"}).reset_index("unit")
    found = found.assign(ci95_low=np.nan, ci95_high=np.nan)
    found["low"], found["high"] = interval(found)
    return found


def scenes(found: Collection) -> list[Scene]:
    """Every system, version of its data and preset that has a finished run.

    Models from outside, which have no preset of ours, stand beside those of every preset.
    """
    costed = with_costs(found)
    numbers = summarise(costed)
    made = []
    for (system, checksum), runs in found.done.groupby(["system", "data_checksum"], sort=True):
        versions = found.done.loc[found.done["system"] == system, "data_checksum"].nunique()
        folder = str(system) if versions == 1 else f"{system}_{str(checksum)[:10]}"
        presets = sorted(set(runs["preset"]) - {OUTSIDER}) or [OUTSIDER]
        for preset in presets:
            here = _labelled(runs[runs["preset"].isin([preset, OUTSIDER])])
            keys = [*DATA, "preset", "model", "changed", "label", "plain"]
            made.append(
                Scene(
                    system=str(system),
                    preset=preset,
                    checksum=str(checksum),
                    runs=here,
                    metrics=costed.metrics.join(here[["label", "plain"]], on="run", how="inner"),
                    numbers=numbers.merge(here[keys].drop_duplicates()),
                    failed=_failed(found, here, preset),
                    place=f"{folder}/{preset}",
                )
            )
    return made


def _labelled(runs: pd.DataFrame) -> pd.DataFrame:
    """With the settings of each run beyond those that all share, its label, and what is plain."""
    common = _common(runs)
    own = [
        {} if preset == OUTSIDER else settings(changed, but=common)
        for preset, changed in zip(runs["preset"], runs["changed"])
    ]
    runs = runs.assign(own=pd.Series(own, index=runs.index))
    everywhere = {model: _of_model(alike["own"]) for model, alike in runs.groupby("model")}
    labels = [
        _label(model, {k: v for k, v in found.items() if (k, v) not in everywhere[model]})
        for model, found in zip(runs["model"], own)
    ]
    return runs.assign(label=labels, plain=_plain(runs))


def _common(runs: pd.DataFrame) -> set[tuple[str, str]]:
    return shared(runs.loc[runs["preset"] != OUTSIDER, "changed"])


def _of_model(own: Iterable[Mapping[str, str]]) -> set[tuple[str, str]]:
    """How a model was trained in all of its experiments, which its label does not repeat."""
    found = [set(one.items()) for one in own]
    return {(k, v) for k, v in set.intersection(*found) if not k.startswith("model.")}


def _plain(runs: pd.DataFrame) -> list[bool]:
    """Of experiments that differ in mode and size of training alone, one stands for the others:
    on the most structures, in the mode that its point recommends or the next best.
    """
    best: dict[tuple[str, frozenset[tuple[str, str]]], tuple[float, int]] = {}
    keys, ranks = [], []
    for model, found in zip(runs["model"], runs["own"]):
        rest = frozenset(item for item in found.items() if item[0] not in (MODE, SIZE))
        mode = MODES.index(found.get(MODE, "auto")) if found.get(MODE, "auto") in MODES else 0
        rank = (float(found.get(SIZE) or "inf"), -mode)
        keys.append((str(model), rest))
        ranks.append(rank)
        best[keys[-1]] = max(best.get(keys[-1], rank), rank)
    return [best[key] == rank for key, rank in zip(keys, ranks)]


def _label(model: str, own: Mapping[str, str]) -> str:
    return " ".join([model, *(f"{key.split('.')[-1]}={value}" for key, value in own.items())])


def _ordered(runs: pd.DataFrame) -> dict[str, str]:
    models = list(styles(runs["model"]))
    pairs = sorted(set(zip(runs["label"], runs["model"])), key=lambda p: (models.index(p[1]), p[0]))
    return dict(pairs)


def _failed(found: Collection, done: pd.DataFrame, preset: str) -> dict[str, str]:
    """Experiments none of whose seeds has ended well."""
    system, checksum = done["system"].iloc[0], done["data_checksum"].iloc[0]
    ended, common = set(zip(done["model"], done["changed"])), _common(done)
    runs = found.runs[(found.runs["system"] == system) & (found.runs["preset"] == preset)]
    runs = runs[runs["data_checksum"].fillna(checksum) == checksum]
    failed: dict[str, str] = {}
    for row in runs[["model", "changed", "status", "reason"]].fillna("").to_dict("records"):
        if (row["model"], row["changed"]) in ended or row["status"] in WELL:
            continue
        reason = shorten(row["reason"], REASON, placeholder=" …") if row["status"] in OVER else ""
        label = _label(row["model"], settings(row["changed"], but=common))
        failed.setdefault(label, ": ".join(filter(None, [row["status"], reason])))
    return failed


def none_found(places: list[str]) -> BenchError:
    """There is nothing to compare."""
    return BenchError(
        f"No finished run in {', '.join(places)}.", "bench status has the runs and their reasons."
    )
