"""``bench data propose``: which frames to label next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING
from rich.progress import track

from bench.config.key import key
from bench.config.options import call
from bench.console import make_console


@dataclass
class Propose:
    """Choose frames to label: those that trained runs disagree on and that are new.

    bench data propose system=pt_water runs=results/runs/pt_water/scf_qeq number=10 fields=0.0,0.2
    bench data propose system=sio2_vacancy runs=A,B,C number=5 charges=0,1,2 subset=vacancy

    Frames are those of the recipe's training trajectories, or of files=, which then join the recipe
    as training trajectories. Each is predicted by every run in every field and charge; the spread
    is the standard deviation between runs, of forces, dipole and energy between charges. Score:
    each spread over its mean among all frames, summed, times the distance of the atoms'
    surroundings to those that are labelled or chosen already. The best join recipe and plan, last.
    """

    system: str = key(MISSING, "folder of datasets/ with a recipe.yaml")
    runs: list[str] = key(MISSING, "two trained runs or more, or folders of runs")
    number: int = key(MISSING, "frames to choose", above=0)
    files: list[str] = key([], "trajectories; none: the recipe's training ones", optional=True)
    every: int = key(1, "look at each n-th frame of a trajectory", above=0)
    subset: str = key("interface", "what is cut from a frame, as in a recipe")
    fields: list[float] = key([0.0], "applied along z", "V/Å")
    charges: list[int] = key([0], "total charges", "e")
    k_points: str = key("", "such as 2x3x1; empty: the plan's own choice")
    write: bool = key(True, "extend recipe and plan; false: only show the table")


def main(words: Sequence[str]) -> int:
    """Propose."""
    return call(words, Propose, run, verb="bench data propose")


def run(options: Propose) -> int:
    """Rank the frames, print the chosen ones and add them to recipe and plan."""
    from bench.reference.new_trajectories import keep_trajectories, loader_of, read_trajectories
    from bench.reference.plan import read_recipe, renew_plan
    from bench.reference.proposal_table import proposal_table
    from bench.reference.propose import (
        States,
        append_to_recipe,
        candidates,
        choose,
        load_committee,
        measure_spreads,
    )
    from bench.reference.store import open_store

    console = make_console()
    store, runs = open_store(options.system), _each_run(options.runs)
    states = States(options.subset, tuple(options.fields), tuple(options.charges), options.k_points)
    planned, files = store.plan(), read_trajectories(options.files, store)
    recipe = read_recipe(store.folder / "recipe.yaml").with_training(files)
    load = loader_of(store, files, every=options.every)
    found = candidates(recipe, planned, states, load, [*files])
    steps = measure_spreads(found, load_committee(runs), states)
    list(track(steps, "predicting", total=len(found), console=console, transient=True))
    chosen = choose(found, planned, options.number)
    console.print(proposal_table(chosen, found))
    if not options.write:
        return 0
    keep_trajectories(store, files)
    append_to_recipe(store, chosen, states, f"where {len(runs)} runs disagree")
    print(renew_plan(store))
    return 0


def _each_run(places: Sequence[str]) -> list[str]:
    """The finished runs in each place, or the place itself, so that loading says what it lacks."""
    from bench.runs.folder import Status, run_folders

    found: list[str] = []
    for place in places:
        done = [str(f.path) for f in run_folders(Path(place)) if f.status is Status.done]
        found += done or [place]
    return found
