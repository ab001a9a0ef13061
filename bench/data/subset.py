"""Part of a training set: nested subsets of whole geometries, for errors against its size.

A smaller subset is contained in a larger one of the same seed, so that a learning curve compares
sets that grow, not sets that are drawn anew; and another seed grows in another order, so that the
deviation over seeds tells how much the choice matters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import ase

from bench.data.groups import GROUP_KEY
from bench.errors import BenchError


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


def _rank(atoms: ase.Atoms, seed: int) -> str:
    """Where a group stands: the same whatever else the set holds, on every machine."""
    return hashlib.sha256(f"{seed} {atoms.info[GROUP_KEY]}".encode()).hexdigest()
