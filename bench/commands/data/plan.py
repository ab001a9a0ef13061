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
    from bench.reference.plan import make_plan, read_recipe, trajectory_loader
    from bench.reference.store import open_store

    store = open_store(options.system)
    existing = store.plan() if (store.folder / "plan.extxyz").is_file() else []
    loader = trajectory_loader(Path(options.trajectories or store.folder / "trajectories"))
    plan = make_plan(read_recipe(store.folder / "recipe.yaml"), existing, loader)
    store.write_plan(plan)
    before, now = ({a.info["uid"] for a in frames} for frames in (existing, plan))
    print(
        f"{len(plan)} structures planned, {len(now - before)} new, "
        f"{len(before - now)} repeats left out: {store.folder}"
    )
    return 0
