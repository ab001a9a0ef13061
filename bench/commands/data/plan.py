"""``bench data plan``: which structures will be labelled, in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from bench.config.key import key
from bench.config.options import call


@dataclass
class Plan:
    """Order and extend the plan of a system by its recipe.yaml and the frames of trajectories."""

    system: str = key(MISSING, "folder of datasets/ with a recipe.yaml")
    trajectories: str = key("", "their folder; empty: trajectories/ of the system")


def main(words: Sequence[str]) -> int:
    """Plan."""
    return call(words, Plan, run, verb="bench data plan")


def run(options: Plan) -> int:
    """Write the plan, and say what is new in it."""
    from bench.reference.plan import renew_plan
    from bench.reference.store import open_store

    folder = Path(options.trajectories) if options.trajectories else None
    print(renew_plan(open_store(options.system), folder))
    return 0
