"""A proposal as a table: what was chosen, in which order, and how it stands out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich import box
from rich.table import Table

from bench.reference.propose import SPREADS, Candidate


def proposal_table(chosen: Sequence[Candidate], found: Sequence[Candidate]) -> Table:
    """A row for each chosen frame, and at the end the median of all candidates.

    Args:
        chosen: in the order in which they were chosen.
        found: all candidates.
    """
    known = [name for name in SPREADS if any(name in c.spreads for c in found)]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, caption_justify="left")
    spreads = [f"{name.replace('_', ' ')} ± [{SPREADS[name]}]" for name in known]
    for heading in ("", "trajectory", "step", *spreads, "novelty", "score"):
        table.add_column(heading, justify="left" if heading == "trajectory" else "right")
    for place, c in enumerate(chosen, 1):
        numbers = [c.spreads.get(name, np.nan) for name in known]
        texts = [_text(number) for number in (*numbers, c.novelty, c.score)]
        table.add_row(str(place), c.trajectory, str(c.step), *texts)
    medians = [_text(np.median([c.spreads.get(name, np.nan) for c in found])) for name in known]
    table.add_row("", "median of all", str(len(found)), *medians, "", "", style="dim")
    return table


def _text(number: float) -> str:
    return f"{number:.3g}" if np.isfinite(number) else "–"
