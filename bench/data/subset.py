"""Part of a training set: nested subsets of whole geometries, or all but what is left out.

A smaller subset is contained in a larger one of the same seed, so that a learning curve compares
sets that grow, not sets that are drawn anew; and another seed grows in another order, so that the
deviation over seeds tells how much the choice matters.  A set without a charge state, a kind of
structure or a trajectory tells whether a point extrapolates to it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from fnmatch import fnmatchcase

import ase

from bench.data.groups import GROUP_KEY
from bench.errors import BenchError, nearest
from bench.labels.keys import TOTAL_CHARGE_KEY
from bench.labels.state import CHARGE_KEY, charge_name

_NAMES = (GROUP_KEY, "subset", "trajectory")


def training_subset(
    frames: Sequence[ase.Atoms], size: int, *, seed: int, system: str
) -> list[ase.Atoms]:
    """Exactly ``size`` training structures, in their order.

    Groups (one geometry in its fields and charges) are taken whole, in an order that the seed and
    their names alone decide; of the last one the first structures, as many as there is room for.

    Args:
        frames: the training set.
        size: structures that are kept; zero keeps all.
        seed: of the order.
        system: names the set in the refusal.

    Raises:
        BenchError: the training set is smaller.
    """
    if not size:
        return list(frames)
    if size > len(frames):
        raise BenchError(
            f"system.train_size={size}, but {system} has {len(frames)} training structures.",
            f"At most system.train_size={len(frames)}; 0 takes all.",
        )
    places = sorted(range(len(frames)), key=lambda k: (_rank(frames[k], seed), k))
    return [frames[k] for k in sorted(places[:size])]


def without(
    frames: dict[str, list[ase.Atoms]], words: str, *, system: str
) -> dict[str, list[ase.Atoms]]:
    """The splits, where training and validation have nothing of what is left out.

    Validation structures choose the weights that are kept, so they would tell of it, too.

    Args:
        frames: structures by split.
        words: such as ``charge=-1 subset=water_only trajectory=pt_w5_*``, separated by blanks;
            names may be patterns.  Empty leaves out nothing.
        system: names the set in the refusal.

    Raises:
        BenchError: an unreadable word, one that no training structure answers to, or nothing left.
    """
    kept = dict(frames)
    for word in words.split():
        if not any(_answers(atoms, word) for atoms in frames["train"]):
            raise BenchError(
                f"system.leave_out={word}: no training structure of {system} is that.",
                nearest(word, _alike(word, frames["train"])),
            )
        for split in ("train", "valid"):
            kept[split] = [atoms for atoms in kept[split] if not _answers(atoms, word)]
    for split in ("train", "valid"):
        if frames[split] and not kept[split]:
            raise BenchError(f"system.leave_out={words} leaves no {split} structure of {system}.")
    return kept


def _answers(atoms: ase.Atoms, word: str) -> bool:
    """Whether a word such as ``charge=+1`` or ``group=g1*`` tells of this structure."""
    key, _, value = word.partition("=")
    if key == CHARGE_KEY:
        try:
            return float(atoms.info[TOTAL_CHARGE_KEY]) == float(value)
        except ValueError:
            return False
    return key in _NAMES and fnmatchcase(str(atoms.info.get(key, "")), value)


def _alike(word: str, frames: Sequence[ase.Atoms]) -> set[str]:
    """What structures answer to, of the same kind as the word where there is that kind."""
    charges = {float(atoms.info[TOTAL_CHARGE_KEY]) for atoms in frames}
    found = {charge_name(charge) for charge in charges}
    for name in _NAMES:
        found |= {f"{name}={atoms.info[name]}" for atoms in frames if name in atoms.info}
    kind = word.partition("=")[0]
    return {one for one in found if one.partition("=")[0] == kind} or {
        one.partition("=")[0] + "=..." for one in found
    }


def _rank(atoms: ase.Atoms, seed: int) -> str:
    """Where a group stands: the same whatever else the set holds, on every machine."""
    return hashlib.sha256(f"{seed} {atoms.info[GROUP_KEY]}".encode()).hexdigest()
