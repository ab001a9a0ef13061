"""What a user sees of a training run: a bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Collection
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench.labels.quantities import Part, errors
from bench.train.log import Row, error_column

LINE_INTERVAL = 30.0  # s between plain lines of a slow run
LINES = 10  # plain lines of a fast run

NEGLIGIBLE = 1e-6  # in shown units: what points have exactly, such as the total charge


def describe(row: Row, losses: Collection[str]) -> str:
    """Losses, validation errors with units and SCF health of one validation.

    Args:
        row: of the log.
        losses: names of parts that one acts on; the others' errors are left to the log.
    """
    mode = f"{row['mode']} " if row["mode"] else ""
    texts = [f"{mode}loss {row['train_loss']:.3g}, valid {row['valid_loss']:.3g}"]
    taught = [part for name, part in errors().items() if name in losses]
    told = [text for part in taught if (text := _error(part, row))]
    scf = row.get("scf_iterations")
    told += [f"SCF {scf:.1f} iterations"] if scf is not None else []
    unconverged = row.get("scf_unconverged")
    told += [f"{unconverged} unconverged"] if unconverged else []
    return " | ".join([*texts, *([", ".join(told)] if told else [])])


def _error(part: Part, row: Row) -> str:
    value = row.get(error_column(part.name))
    if not isinstance(value, float) or value < NEGLIGIBLE:
        return ""
    return f"{part.name.replace('_', ' ')} {value:.3g} {part.unit}"


def duration(seconds: float) -> str:
    """``1:02:03`` or ``2:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class TrainingProgress:
    """Shows steps and validations on a console.

    Args:
        console: where to write.
        steps: of the whole run.
        losses: names of parts that one acts on.
        done: steps that an earlier session of the run has made.
    """

    def __init__(
        self,
        console: Console,
        *,
        steps: int,
        losses: Collection[str],
        done: int = 0,
    ) -> None:
        self._console, self._steps, self._losses = console, steps, losses
        self._first = self._made = self._told = done
        self._start = self._shown = time.monotonic()
        columns = (
            TextColumn("step"),
            MofNCompleteColumn(),
            BarColumn(bar_width=20),
            TextColumn("{task.description}"),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self._bar = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task = self._bar.add_task("", total=steps, completed=done)

    def __enter__(self) -> TrainingProgress:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def step(self) -> None:
        """One training step more."""
        self._made += 1
        self._bar.update(self._task, completed=self._made)

    def validation(self, row: Row) -> None:
        """A validation with its row of the log."""
        self._bar.update(self._task, description=describe(row, self._losses))
        if not self._console.is_terminal and self._due():
            self._shown, self._told = time.monotonic(), self._made
            self._console.print(
                f"step {self._made}/{self._steps} {describe(row, self._losses)} "
                f"| left {duration(self.seconds_left())}",
                soft_wrap=True,
                highlight=False,
                markup=False,
            )

    def seconds_left(self) -> float:
        """From the mean time of the steps made in this session."""
        made = max(1, self._made - self._first)
        spent = time.monotonic() - self._start
        return spent / made * (self._steps - self._made)

    def _due(self) -> bool:
        late = time.monotonic() - self._shown >= LINE_INTERVAL
        far = self._made - self._told >= self._steps / LINES
        return late or far or self._made == self._steps
