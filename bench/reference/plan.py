"""The plan of a dataset: which geometry is labelled in which field or charge, in which order.

A recipe (``datasets/<system>/recipe.yaml``) names trajectories with their split, and blocks in
order of priority; a block is one geometry (a group) in several states.  Because a split belongs to
a trajectory, a group never crosses splits and a test trajectory is used nowhere else.  A plan that
exists keeps its uids: only new states are appended and the order and splits are renewed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import read

from bench.config.options import whole_numbers
from bench.errors import BenchError, nearest
from bench.labels.keys import RELAXED_SUBSET, SPLITS
from bench.reference.cp2k_input import METALS, is_metal
from bench.reference.store import Store, read_by_hand

_BLOCK_KEYS = ("group", "trajectory", "step", "subset", "fields", "charges", "k_points", "split")
_RECIPE_KEYS = {"prefix": str, "trajectories": dict, "blocks": list}
SUBSETS = (
    "bare_metal",  # the metal of a frame
    "water_only",  # its water
    "interface",  # these and the following: all of it
    "field_series",
    "large_cell",
    "more_layers",
    "vacancy",
    "pristine",
    "larger_supercell",
    RELAXED_SUBSET,  # where a relaxation at the labels' own level ended
)
_STATE_KEYS = {"fields": "field", "charges": "total_charge"}  # of a block and of a structure


@dataclass(frozen=True)
class Recipe:
    """What a plan is made from.

    Attributes:
        prefix: of the uids, "al" gives al0000.
        splits: split by trajectory.
        blocks: in order of priority; ``group`` names one that the plan has already (with ``fields``
            or ``charges`` these states of it: dear ones may come later), otherwise ``trajectory``
            and ``step`` name a frame and ``subset`` what is cut from it.  With an atom of
            ``METALS`` a structure has 3x3x1 k-points unless ``k_points`` says otherwise, and the
            hot electrons of a metal in any case: alumina is not treated as an insulator.
    """

    prefix: str
    splits: dict[str, str]
    blocks: list[dict[str, Any]]

    def with_training(self, names: Iterable[str]) -> Recipe:
        """The recipe with further training trajectories; those it has keep their split."""
        return Recipe(self.prefix, dict.fromkeys(names, "train") | self.splits, self.blocks)


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises:
        BenchError: no such file, a missing or unknown key, split or subset, or an unreadable value.
    """
    raw = read_by_hand(path)
    for key, kind in _RECIPE_KEYS.items():
        if not isinstance(raw, dict) or not isinstance(raw.get(key), kind):
            raise BenchError(
                f"{path}: {key} is missing or no {kind.__name__}.",
                f"Required: {', '.join(_RECIPE_KEYS)}.",
            )
    recipe = Recipe(raw["prefix"], raw["trajectories"], raw["blocks"])
    for name, split in recipe.splits.items():
        _one_of(split, SPLITS, f"{path}: split of {name}")
    for index, block in enumerate(recipe.blocks):
        _check_block(block, f"{path}, block {index}")
    return recipe


def _check_block(block: dict[str, Any], where: str) -> None:
    for key in block:
        _one_of(key, _BLOCK_KEYS, f"{where}: key")
    if "group" not in block:
        for key in ("trajectory", "step", "subset"):
            if key not in block:
                raise BenchError(
                    f"{where}: {key} is missing.", "A block has group, or trajectory, step, subset."
                )
        _one_of(block["subset"], SUBSETS, f"{where}: subset")
    if "split" in block:
        _one_of(block["split"], SPLITS, f"{where}: split")
    if "k_points" in block:
        whole_numbers(str(block["k_points"]), 3, f"{where}: k_points")
    for key in _STATE_KEYS:
        values = block.get(key, [])
        if not isinstance(values, list) or not all(isinstance(v, int | float) for v in values):
            raise BenchError(f"{where}: {key}={values!r}.", "A list of numbers: [0, 1].")


def _one_of(value: str, allowed: Iterable[str], where: str) -> None:
    if value not in allowed:
        raise BenchError(f"{where}: {value!r} is not known.", nearest(str(value), allowed))


def make_plan(
    recipe: Recipe, existing: Sequence[Atoms], load: Callable[[str], Sequence[Atoms]]
) -> list[Atoms]:
    """Order what exists and append what is new.

    Args:
        recipe: blocks in order of priority.
        existing: the plan so far, possibly empty.
        load: gives the frames of a trajectory, each with ``info["step"]``.

    Returns:
        The plan; groups of ``existing`` that no block names come last.
    """
    groups: dict[str, list[Atoms]] = {}
    for atoms in existing:
        groups.setdefault(atoms.info["group"], []).append(atoms)
    numbering = _Numbering(recipe.prefix, existing)
    plan: list[Atoms] = []
    for block in recipe.blocks:
        if "group" in block:
            members = _take(block, groups)
        else:
            members = _states(block, _find(block, groups), load, numbering)
        plan += [_with_split(atoms, recipe, block.get("split")) for atoms in members]
    plan += [_with_split(a, recipe, None) for members in groups.values() for a in members]
    return _without_repeats(plan)


def _without_repeats(plan: Sequence[Atoms]) -> list[Atoms]:
    """Every structure once, and every geometry in one group: that of its first structure.

    Two blocks may cut the same frame under two names; counted twice, it would weigh twice, and as
    two groups it could cross splits.
    """
    first: dict[str, Atoms] = {}
    seen: set[tuple[str, float, int]] = set()
    kept = []
    for atoms in plan:
        geometry = f"{atoms.numbers.tolist()} {atoms.positions.round(4).tolist()}"
        state = (geometry, float(atoms.info["field"]), int(atoms.info["total_charge"]))
        if state not in seen:
            seen.add(state)
            kept.append(atoms)
            original = first.setdefault(geometry, atoms)
            atoms.info |= {key: original.info[key] for key in ("group", "subset", "split")}
    return kept


def _take(block: dict[str, Any], groups: dict[str, list[Atoms]]) -> list[Atoms]:
    """A group by name, or those of its states that the block names; the others are left."""
    name = block["group"]
    if name not in groups:
        raise BenchError(f"The plan has no group {name!r}.", nearest(name, groups))
    members = groups.pop(name)
    named = {key: block[keys] for keys, key in _STATE_KEYS.items() if keys in block}
    taken = [all(a.info[key] in values for key, values in named.items()) for a in members]
    if not all(taken):
        groups[name] = [a for a, take in zip(members, taken) if not take]
    return [a for a, take in zip(members, taken) if take]


@dataclass
class _Numbering:
    """The next free uid and group."""

    prefix: str
    existing: Sequence[Atoms]

    def __post_init__(self) -> None:
        self._uid = max([int(a.info["uid"][len(self.prefix) :]) for a in self.existing], default=-1)
        self._group = max([int(a.info["group"][1:]) for a in self.existing], default=-1)

    def group(self) -> str:
        self._group += 1
        return f"g{self._group}"

    def uid(self) -> str:
        self._uid += 1
        return f"{self.prefix}{self._uid:04d}"


def _find(block: dict[str, Any], groups: dict[str, list[Atoms]]) -> list[Atoms]:
    """The existing group of this block's frame, taken out of ``groups``."""
    wanted = [block[key] for key in ("trajectory", "step", "subset")]
    for name, members in groups.items():
        if [members[0].info.get(key) for key in ("trajectory", "step", "subset")] == wanted:
            return groups.pop(name)
    return []


def _states(
    block: dict[str, Any],
    members: list[Atoms],
    load: Callable[[str], Sequence[Atoms]],
    numbering: _Numbering,
) -> list[Atoms]:
    """The group's structures, those states added that the block asks for and the plan lacks."""
    have = {(a.info["field"], a.info["total_charge"]) for a in members}
    states = [
        (float(field), int(charge))
        for field in block.get("fields", [0.0])
        for charge in block.get("charges", [0])
    ]
    lacking = [state for state in states if state not in have]
    if not lacking:
        return members
    frame = members[0] if members else _frame(block, load)
    group = members[0].info["group"] if members else numbering.group()
    metallic = is_metal(frame)
    new = []
    for field, charge in lacking:
        atoms = frame.copy()
        atoms.info = {k: v for k, v in frame.info.items() if k.startswith("vacancy")}
        atoms.info.update(
            uid=numbering.uid(),
            group=group,
            subset=block["subset"],
            trajectory=block["trajectory"],
            step=block["step"],
            total_charge=charge,
            multiplicity=1 + abs(charge) % 2,
            field=field,
            k_points=block.get("k_points", "3x3x1" if metallic else "1x1x1"),
        )
        new.append(atoms)
    return members + new


def _frame(block: dict[str, Any], load: Callable[[str], Sequence[Atoms]]) -> Atoms:
    frames = {int(a.info["step"]): a for a in load(block["trajectory"])}
    if block["step"] not in frames:
        raise BenchError(
            f"{block['trajectory']} has no step {block['step']}.", f"Steps: {sorted(frames)}."
        )
    return cut(frames[block["step"]], block["subset"])


def cut(frame: Atoms, subset: str) -> Atoms:
    """What a subset takes from a frame: the metal, the water, or all, its atoms in the cell."""
    metal = np.isin(frame.get_chemical_symbols(), sorted(METALS))
    atoms = frame.copy()
    if subset == "bare_metal":
        atoms = atoms[metal]
    elif subset == "water_only":
        atoms = atoms[~metal]
    atoms.wrap()
    atoms.info = dict(frame.info)
    return atoms


def _with_split(atoms: Atoms, recipe: Recipe, split: str | None) -> Atoms:
    """The structure with its trajectory's split; some training frames may serve validation."""
    trajectory = atoms.info["trajectory"]
    if trajectory not in recipe.splits:
        raise BenchError(
            f"The recipe gives no split for trajectory {trajectory!r}.",
            nearest(trajectory, recipe.splits),
        )
    own = recipe.splits[trajectory]
    if split is not None and "test" in (own, split) and split != own:
        raise BenchError(
            f"Group {atoms.info['group']} of trajectory {trajectory} ({own}) cannot be {split}.",
            "Test trajectories are used nowhere else.",
        )
    atoms.info["split"] = split or own
    return atoms


def renew_plan(store: Store, trajectories: Path | None = None) -> str:
    """Order and extend a system's plan by its recipe, and say what is new in it.

    Args:
        store: of the system.
        trajectories: their folder; trajectories/ of the system unless given.
    """
    existing = store.plan() if (store.folder / "plan.extxyz").is_file() else []
    loader = trajectory_loader(trajectories or store.folder / "trajectories")
    plan = make_plan(read_recipe(store.folder / "recipe.yaml"), existing, loader)
    store.write_plan(plan)
    before, now = ({a.info["uid"] for a in frames} for frames in (existing, plan))
    return (
        f"{len(plan)} structures planned, {len(now - before)} new, "
        f"{len(before - now)} repeats left out: {store.folder}"
    )


def trajectory_loader(folder: Path) -> Callable[[str], Sequence[Atoms]]:
    """Frames of ``folder``/<trajectory>.xyz."""

    def load(name: str) -> Sequence[Atoms]:
        path = folder / f"{name}.xyz"
        if not path.is_file():
            known = sorted(p.stem for p in folder.glob("*.xyz"))
            raise BenchError(f"{path} does not exist.", nearest(name, known) if known else "")
        frames: list[Atoms] = read(path, ":")
        return frames

    return load
