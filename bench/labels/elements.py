"""Which elements are metals."""

from __future__ import annotations

from itertools import chain

METALS = frozenset(
    chain((3, 4), range(11, 14), range(19, 32), range(37, 51), range(55, 85), range(87, 117))
)
