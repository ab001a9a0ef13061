"""What a row of the page unfolds to: its runs, where they come from, configuration, probes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from bench.errors import BenchError
from bench.report.notes import absences
from bench.report.page.board import Row
from bench.runs.folder import RunFolder

# What decides no number, or what the rows are averaged over.
NOT_COMPARED = (
    *("seed", "results_dir", "wandb", "device", "figures"),
    *("model.description", "model.axes"),
)


@dataclass(frozen=True)
class RunLine:
    """One run: its folder as a relative link, and where its numbers come from."""

    link: str
    name: str
    seed: str
    status: str
    reason: str
    origin: Mapping[str, str]


@dataclass(frozen=True)
class Verdict:
    """A probe over the checked runs of an experiment.

    Attributes:
        verdict: the same of all runs, or several joined by commas.
        told: of each run, material, numbers with units and bars, reason.
    """

    verdict: str
    told: list[str]


@dataclass(frozen=True)
class Details:
    """Beside the numbers of a row.

    Attributes:
        runs: one line each.
        absent: quantities without a number, with the reason.
        config: dotted keys to values as text, of the first run; versions of data and code.
        probes: name to verdict; empty where no run was checked.
    """

    runs: list[RunLine]
    absent: list[str]
    config: dict[str, str]
    probes: dict[str, Verdict]


def details(row: Row, page: Path) -> Details:
    """Read what lies in the folders of a row; what cannot be read is left out, its run says why.

    Args:
        row: of the board.
        page: the file that links to the folders.
    """
    folders = [RunFolder(Path(run)) for run in row.runs]
    of_runs = list(row.runs.values())
    configs, absent = map(_config, folders), map(_absent, folders)
    versions = {
        "data version": {_text(run["data_checksum"])[:10] for run in of_runs},
        "code version": {_text(run["code_version"]) for run in of_runs},
    }
    return Details(
        runs=[_line(folder, run, page) for folder, run in zip(folders, of_runs)],
        absent=[line.removeprefix("absent: ") for line in next(filter(None, absent), [])],
        config=next(filter(None, configs), {})
        | {key: ", ".join(sorted(texts)) for key, texts in versions.items()},
        probes=_probes(folders),
    )


def _line(folder: RunFolder, row: Mapping[Any, Any], page: Path) -> RunLine:
    link = os.path.relpath(folder.path.resolve(), page.parent.resolve())
    return RunLine(
        link=quote(Path(link).as_posix()) + "/",
        name=str(row["id"]),
        seed=_text(row["seed"]),
        status=str(row["status"]),
        reason=_text(row["reason"]),
        origin=_origin(folder, row),
    )


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def _origin(folder: RunFolder, row: Mapping[Any, Any]) -> dict[str, str]:
    """Code, machine, packages and command."""
    try:
        content = folder.read_provenance()
    except BenchError as error:
        return {"provenance": error.problem}
    git, hardware = content.get("git") or {}, content.get("hardware") or {}
    packages, sessions = content.get("packages") or {}, content.get("sessions") or [{}]
    commit = str(git.get("commit", ""))[:10]
    machine = (row["cpu"], hardware.get("accelerator"), row["device"])
    told = {
        "commit": f"{commit} with changes" if git.get("changed") else commit,
        "code version": _text(row["code_version"]),
        "data version": _text(row["data_checksum"])[:10],
        "started": _text(row["started"]),
        "time": _times(row),
        "machine": ", ".join(filter(None, map(_text, machine))),
        "packages": ", ".join(f"{name} {version}" for name, version in packages.items()),
        "command": str(sessions[-1].get("command", "")),
    }
    return {key: text for key, text in told.items() if text}


def _times(row: Mapping[Any, Any]) -> str:
    if pd.isna(row["seconds"]):
        return ""
    return f"{row['seconds']:.0f} s on the wall, {row['cpu_seconds']:.0f} s of CPU"


def _config(folder: RunFolder) -> dict[str, str]:
    try:
        config = folder.read_plain_config()
    except BenchError:
        return {}
    return {k: v for k, v in _flat(config).items() if not k.startswith(NOT_COMPARED)}


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in values.items():
        inner = isinstance(value, Mapping) and value
        flat |= _flat(value, f"{prefix}{key}.") if inner else {f"{prefix}{key}": str(value)}
    return flat


def _absent(folder: RunFolder) -> list[str]:
    try:
        return absences(folder.read_metrics())
    except BenchError:
        return []


def _probes(folders: Sequence[RunFolder]) -> dict[str, Verdict]:
    found: dict[str, Verdict] = {}
    for folder in folders:
        try:
            results = folder.read_probes()
        except BenchError:
            continue
        for result in results:
            before = found.get(result["probe"], Verdict("", []))
            verdicts = [*filter(None, before.verdict.split(", ")), result["verdict"]]
            told = [*before.told, _told(folder, result)]
            found[result["probe"]] = Verdict(", ".join(dict.fromkeys(verdicts)), told)
    return found


def _told(folder: RunFolder, result: Mapping[str, Any]) -> str:
    numbers = "; ".join(map(_number, result["measurements"]))
    parts = filter(None, [result["material"], numbers, result["reason"]])
    return f"{folder.path.name}, {result['verdict']}: {'. '.join(parts)}"


def _number(measurement: Mapping[str, Any]) -> str:
    value, bar = measurement["value"], measurement["bar"]
    text = f"{value:.3g} {measurement['unit']}".strip() if value is not None else "no number"
    return f"{measurement['name']} {text}{f' (at most {bar:g})' if bar is not None else ''}"
