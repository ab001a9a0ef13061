"""What stands below a figure: data, preset, seeds, intervals, and how much each part stands on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from matplotlib.figure import Figure

from bench.report.groups import settings, shared
from bench.report.paper.scene import Scene

INTERVAL = (
    "Markers are means over seeds, bars 95 % intervals: of several seeds Student's of their mean, "
    "of one seed the bootstrap's over test structures where the metric has one."
)


@dataclass(frozen=True)
class Drawing:
    """A figure and what is said of it.

    Attributes:
        figure: drawn in the common style.
        says: sentences on what is shown and on how many structures, series or runs it stands.
        labels: the experiments that are in it.
        intervals: whether it has markers with bars.
    """

    figure: Figure
    says: Sequence[str]
    labels: Sequence[str] = field(default_factory=list)
    intervals: bool = True


def caption(scene: Scene, drawing: Drawing) -> str:
    """The text, one sentence per line."""
    lines = [*drawing.says]
    if drawing.intervals:
        lines.append(INTERVAL)
    labels = drawing.labels or list(scene.points)
    lines += [data_line(scene), *settings_lines(scene, labels), seeds_line(scene, labels)]
    if scene.failed:
        told = "; ".join(f"{label} ({reason})" for label, reason in scene.failed.items())
        lines.append(f"Not shown, no seed has ended: {told}.")
    return "\n".join(lines) + "\n"


def data_line(scene: Scene) -> str:
    """System, version of the data, size of the test set, preset."""
    tests = scene.values("forces_rmse")["n"]
    size = f", {int(tests.max())} test structures" if len(tests) else ""
    return f"Data: {scene.system}, version {scene.checksum[:10]}{size}; preset {scene.preset}."


def settings_lines(scene: Scene, labels: Sequence[str]) -> list[str]:
    """What was set beside model and preset: by all, and by some beyond that."""
    runs = scene.runs[scene.runs["label"].isin(labels)]
    common = shared(runs.loc[runs["preset"] == scene.preset, "changed"])
    all_have = " ".join(f"{key}={value}" for key, value in sorted(common))
    lines = [f"All with {all_have}."] if all_have else []
    in_labels: dict[str, str] = {}
    others: dict[str, dict[str, str]] = {}
    for label, preset, one in zip(runs["label"], runs["preset"], runs["changed"]):
        for key, value in settings(one, but=common).items() if preset == scene.preset else ():
            if f"{key.split('.')[-1]}={value}" in str(label).split():
                in_labels[key] = f"{key.split('.')[-1]} is {key}"
            else:
                others.setdefault(str(label), {})[key] = f"{key}={value}"
    if in_labels:
        lines.append(f"In names, {', '.join(in_labels.values())}.")
    told = "; ".join(f"{label}: {' '.join(found.values())}" for label, found in others.items())
    return [*lines, f"Settings: {told}."] if told else lines


def seeds_line(scene: Scene, labels: Sequence[str]) -> str:
    """Which seeds; those of most experiments once, and the others by name."""
    seeds = {
        label: ", ".join(
            map(str, sorted(scene.runs.loc[scene.runs["label"] == label, "seed"].dropna()))
        )
        for label in labels
    }
    texts = list(seeds.values())
    usual = max(texts, key=texts.count)
    others = "; ".join(f"{label} {text}" for label, text in seeds.items() if text != usual)
    word = "Seeds" if "," in usual else "Seed"
    return f"{word} {usual}{f' (but {others})' if others else ''}."


def counts(scene: Scene, name: str, subset: str = "all") -> str:
    """How many structures, series, pairs or triples a metric stands on, such as ``4 to 5``."""
    found = scene.values(name, subset)["n"].dropna()
    if found.empty:
        return "0"
    low, high = int(found.min()), int(found.max())
    return str(high) if low == high else f"{low} to {high}"
