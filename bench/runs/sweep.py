"""What becomes of the cells of a sweep: what is on the disk says it, whoever computed it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.table import Table
from rich.text import Text

from bench.config.compose import combinations, compose
from bench.data.dataset import dataset_checksum
from bench.errors import BenchError
from bench.models.registry import completed
from bench.runs.cells import NOT_STARTED
from bench.runs.folder import RunFolder, Status
from bench.runs.identity import identify

FOUND = "found"


@dataclass(frozen=True)
class Cell:
    """One combination of a sweep.

    Attributes:
        settings: what the sweep gives it, by key.
        folder: of its run; None where its run cannot be told, such as without data.
        before: its status before the sweep.
    """

    settings: dict[str, str]
    folder: RunFolder | None
    before: Status | None

    def outcome(self, refused: str = "") -> tuple[str, str]:
        """Status and reason, now.

        Args:
            refused: why the run was not begun or not finished, where this process knows it.
        """
        status, reason = self.folder.read_status() if self.folder else (None, "")
        if status is Status.done:
            return (FOUND if self.before is Status.done else status.value), ""
        if status in (None, Status.done) and refused:
            return Status.failed.value, refused
        return (status.value if status else NOT_STARTED), refused or reason


def cells(overrides: Sequence[str]) -> list[Cell]:
    """The cells of a sweep in Hydra's order, with their status before it begins.

    Args:
        overrides: as on the command line.

    Raises:
        BenchError: settings that no run can have.
    """
    choices = combinations(overrides)
    fixed = set.intersection(*map(set, choices))
    return [_cell(words, [word for word in words if word not in fixed]) for words in choices]


def _cell(words: Sequence[str], swept: Sequence[str]) -> Cell:
    settings = {key: value for key, _, value in (word.partition("=") for word in swept)}
    config = compose(words)
    try:
        config = completed(config)
        folder = RunFolder.of(config, identify(config, dataset_checksum(config.system)).run_id)
        return Cell(settings, folder, folder.status)
    except BenchError:  # the run itself says it
        return Cell(settings, None, None)


def unfinished(all_cells: Sequence[Cell]) -> bool:
    """Whether some run has begun, here or elsewhere, and is not done."""
    found = [cell.folder.status for cell in all_cells if cell.folder]
    return any(status not in (None, Status.done) for status in found)


def sweep_table(all_cells: Sequence[Cell], refused: Mapping[int, str]) -> Table:
    """A row for each cell, and how many ended how.

    Args:
        all_cells: as ``cells`` gave them.
        refused: reasons that this process knows, by place in the sweep.
    """
    keys = list(dict.fromkeys(key for cell in all_cells for key in cell.settings))
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, caption_justify="left")
    for heading in (*keys, "status", "folder", "reason"):
        table.add_column(heading, overflow="fold")
    count: Counter[str] = Counter()
    for place, cell in enumerate(all_cells):
        status, reason = cell.outcome(refused.get(place, ""))
        count[status] += 1
        texts = [*(cell.settings.get(key, "") for key in keys), status]
        texts += [str(cell.folder.path) if cell.folder else "", " ".join(reason.split())]
        table.add_row(*map(Text, texts))
    ends = ", ".join(f"{number} {status}" for status, number in count.items())
    table.caption = f"{len(all_cells)} cells: {ends}"
    return table
