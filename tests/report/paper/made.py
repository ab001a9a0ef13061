"""Runs with numbers made up by hand, as their folders would hold them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from bench.config.compose import compose
from bench.config.schema import RunConfig
from bench.evaluate.registry import METRICS
from bench.report.paper.scene import Scene, scenes
from bench.runs.collection import collect
from bench.runs.folder import RunFolder, Status
from bench.runs.records import SCHEMA_VERSION
from bench.storage import write_json

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


@cache
def composed(model: str, words: tuple[str, ...]) -> RunConfig:
    """The configuration of smoke; composing takes a tenth of a second, and tests repeat it."""
    return compose([f"model={model}", "preset=smoke", *words])


def run(
    place: Path, model: str, numbers: Numbers, *words: str, cpu_seconds: float = 10.0
) -> RunFolder:
    """A finished run of smoke, whose id says what it is."""
    others = tuple(word for word in words if not word.startswith("seed="))
    seed = next((int(word[5:]) for word in words if word.startswith("seed=")), 0)
    config = replace(composed(model, others), seed=seed, results_dir=str(place))
    folder = RunFolder.of(config, "-".join([model, *words]).replace("/", "_"))
    folder.write_config(config)
    folder.write_status(Status.done)
    session = {"started": "2026-01-01T00:00:00+00:00", "seconds": 2.0, "cpu_seconds": cpu_seconds}
    folder.write_provenance(
        {
            "parameters": 1234,
            "code_version": "abcdef0123",
            "data_checksum": "d" * 64,
            "hardware": {"cpu": "AMD EPYC", "device": "cpu"},
            "sessions": [session],
        }
    )
    folder.write_metrics(
        {
            "schema_version": SCHEMA_VERSION,
            "run": {"id": folder.path.name, "system": config.system.name, "model": model},
            "metrics": [record(name, value) for name, value in numbers.items()],
            "absent": {},
            "unconverged": [],
            "non_finite": {},
        }
    )
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
