"""Runs with numbers made up by hand, as their folders would hold them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench.evaluate.registry import METRICS
from bench.report.paper.scene import Scene, scenes
from bench.runs.collection import collect
from bench.runs.folder import RunFolder
from bench.storage import write_json
from tests.runs.test_collection import write_run

Numbers = Mapping[str, float]


def record(name: str, value: float, *, n: int = 5, ci95: list[float] | None = None) -> dict:
    """A record; ``name`` or ``name[subset]``."""
    name, _, subset = name.rstrip("]").partition("[")
    info = METRICS[name]
    return {
        "name": name,
        "subset": subset or "all",
        "value": value,
        "unit": info.unit,
        "n": n,
        "ci95": ci95,
        "better": info.better,
    }


def run(place: Path, model: str, numbers: Numbers, *words: str, cpu_seconds: float = 10.0):
    """A finished run of smoke, whose id says what it is."""
    records = [record(name, value) for name, value in numbers.items()]
    run_id = "-".join([model, *words]).replace("/", "_")
    folder = write_run(place, run_id, f"model={model}", "preset=smoke", *words, records=records)
    content = folder.read_provenance()
    content["sessions"] = [{**content["sessions"][0], "cpu_seconds": cpu_seconds}]
    folder.write_provenance(content)
    return folder


def seeds(place: Path, model: str, name: str, values: list[float], *words: str) -> None:
    """Runs that have one number and differ in their seed."""
    for seed, value in enumerate(values):
        run(place, model, {name: value}, *words, f"seed={seed}")


def scene(place: Path) -> Scene:
    """The only one there."""
    (found,) = scenes(collect([place]))
    return found


def probed(folder: RunFolder, **numbers: tuple[float, str, float | None]) -> None:
    """Verdicts beside a run: name (with _ for a space) to value, unit and bar."""
    measurements = [
        {"name": name.replace("_", " "), "value": value, "unit": unit, "bar": bar}
        for name, (value, unit, bar) in numbers.items()
    ]
    result = {"probe": "chain", "verdict": "finding", "material": "chains", "reason": "known"}
    content = {"schema_version": 1, "probes": [{**result, "measurements": measurements}]}
    write_json(folder.probes, content)
