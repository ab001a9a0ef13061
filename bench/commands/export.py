"""``bench export``: a trained point as one file, or as a model of mace-torch's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from bench.config.key import key
from bench.config.options import call


@dataclass
class Export:
    """A trained point as one file for BenchCalculator.from_file: safetensors, no pickle.

    It needs neither the data set nor the run's folder. format=mace writes a short_range for
    mace-torch: the state dict of its ScaleShiftMACE, and the constructor's arguments as JSON.
    """

    run: str = key(MISSING, "folder of a trained run")
    out: str = key("", "file to write; empty: MODEL-RUNID.safetensors here")
    format: str = key("point", "for whom", choices=("point", "mace"))


def main(argv: Sequence[str]) -> int:
    """Write the file and print its name."""
    return call(argv, Export, show, verb="bench export")


def show(options: Export) -> int:
    """Load the run and write its point."""
    from bench.inference.export import write_point
    from bench.inference.load import load_model
    from bench.runs.folder import RunFolder

    folder = RunFolder(Path(options.run))
    config = folder.read_config()
    end = "-mace" if options.format == "mace" else ""
    name = f"{config.model.name}-{folder.path.resolve().name}{end}.safetensors"
    model, out = load_model(folder.path), Path(options.out or name)
    if options.format == "mace":
        from bench.inference.mace_export import write_mace

        print("\n".join(map(str, write_mace(model, out))))
    else:
        print(write_point(model, config, out))
    return 0
