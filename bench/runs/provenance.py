"""Where a run's numbers came from: code, packages, hardware, commands and their time."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from bench.config.schema import RunConfig
from bench.paths import PACKAGE
from bench.runs.folder import RunFolder
from bench.runs.identity import Identity

_PACKAGES = ("torch", "mace-torch", "e3nn", "graph-longrange", "ase", "numpy", "scipy")


class Session:
    """One start of a run; a run that was interrupted has one for each time it was started.

    Args:
        folder: of the run; its provenance keeps the earlier sessions.
        identity: of the run.
        config: of the run.
        parameters: how many numbers the model learns; None where nobody knows.
    """

    def __init__(
        self, folder: RunFolder, identity: Identity, config: RunConfig, parameters: int | None
    ) -> None:
        self._folder, self._config = folder, config
        self._clock, self._cpu_clock = time.perf_counter(), time.process_time()
        command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
        started = datetime.now(timezone.utc).isoformat(timespec="seconds")
        self._this: dict[str, Any] = {"command": command, "started": started}
        earlier = folder.read_provenance().get("sessions", [])
        self.content: dict[str, Any] = {
            **asdict(identity),
            "parameters": parameters,
            **surroundings(config.device),
            "sessions": [*earlier, self._this],
        }
        self.save()

    def save(self) -> None:
        """Write the provenance with the seconds so far."""
        self._this["seconds"] = round(time.perf_counter() - self._clock, 1)
        self._this["cpu_seconds"] = round(time.process_time() - self._cpu_clock, 1)
        self._folder.write_provenance(self.content)

    def run(self) -> dict[str, Any]:
        """How the metrics name the run they belong to."""
        self.save()
        config, content = self._config, self.content
        return {
            "id": content["run_id"],
            "model": config.model.name,
            "system": config.system.name,
            "preset": config.preset,
            "seed": config.seed,
            **{key: content[key] for key in ("data_checksum", "code_version")},
            **{key: content[key] for key in ("packages", "hardware")},
            "parameters": content["parameters"],
            **{key: round(total, 1) for key, total in total_seconds(content["sessions"]).items()},
        }


def total_seconds(sessions: Sequence[dict[str, Any]]) -> dict[str, float]:
    """``seconds`` on the wall and ``cpu_seconds`` of the process, over all sessions of a run."""
    keys = ("seconds", "cpu_seconds")
    return {key: float(sum(each.get(key, 0.0) for each in sessions)) for key in keys}


@contextmanager
def session(
    folder: RunFolder, identity: Identity, config: RunConfig, parameters: int | None
) -> Iterator[Session]:
    """A session whose seconds are written however the block ends."""
    this = Session(folder, identity, config, parameters)
    try:
        yield this
    finally:
        this.save()


def surroundings(device: str) -> dict[str, Any]:
    """Code, packages and hardware of this process, as plain types."""
    return {
        "git": git_commit(),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "hardware": hardware(device),
    }


def git_commit() -> dict[str, Any] | None:
    """Commit of the checkout and whether files differ from it; None outside of a checkout.

    A package installed inside somebody else's repository is not part of it.
    """

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(PACKAGE), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")
        return {"commit": git("rev-parse", "HEAD"), "changed": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return None


def hardware(device: str) -> dict[str, Any]:
    """Processor, cores, threads and, where it is used, the accelerator."""
    import torch

    used = torch.cuda.get_device_name(device) if device.startswith("cuda") else None
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": device,
        "accelerator": used,
    }


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
