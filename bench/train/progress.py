"""What a user sees of a training run: a bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench.train.log import COLUMNS, Row

LINE_INTERVAL = 30.0  # s between plain lines of a slow run
LINES = 10  # plain lines of a fast run

# Errors worth a place on the line, with the digits that matter.
SHOWN = {
    "valid_energy_rmse": "energy {:.3g}",
    "valid_forces_rmse": "forces {:.3g}",
    "valid_multipoles_rmse": "multipoles {:.2g}",
    "valid_total_charge_rmse": "charge {:.2g}",
    "valid_dipole_rmse": "dipole {:.2g}",
}
NEGLIGIBLE = {"valid_total_charge_rmse": 1e-6}  # e: points that conserve charge exactly


def describe(row: Row) -> str:
    """Losses, validation errors with units and SCF health of one epoch."""
    mode = f"{row['mode']} " if row["mode"] else ""
    losses = f"{mode}loss {row['train_loss']:.3g}, valid {row['valid_loss']:.3g}"
    errors = [text for column in SHOWN if (text := _error(column, row.get(column)))]
    scf = row.get("scf_iterations")
    errors += [f"SCF {scf:.1f} iterations"] if scf is not None else []
    unconverged = row.get("scf_unconverged")
    errors += [f"{unconverged} unconverged"] if unconverged else []
    return " | ".join([losses, *([", ".join(errors)] if errors else [])])


def _error(column: str, value: float | int | str | None) -> str:
    if not isinstance(value, float) or value < NEGLIGIBLE.get(column, 0.0):
        return ""
    return f"{SHOWN[column].format(value)} {COLUMNS[column]}"


def duration(seconds: float) -> str:
    """``1:02:03`` or ``2:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class TrainingProgress:
    """Shows steps and epochs on a console.

    Args:
        console: where to write.
        epochs: of the whole run.
        batches: of an epoch.
        done: steps that an earlier session of the run has made.
    """

    def __init__(self, console: Console, *, epochs: int, batches: int, done: int = 0) -> None:
        self._console, self._epochs, self._batches = console, epochs, batches
        self._first = self._steps = done
        self._start = self._shown = time.monotonic()
        columns = (
            TextColumn("epoch"),
            MofNCompleteColumn(),
            BarColumn(bar_width=20),
            TextColumn("{task.description}"),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self._bar = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task = self._bar.add_task("", total=epochs)
        self._bar.update(self._task, completed=done / batches)

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
        self._steps += 1
        self._bar.update(self._task, completed=self._steps / self._batches)

    def epoch(self, row: Row) -> None:
        """An epoch's end with its row of the log."""
        self._bar.update(self._task, description=describe(row))
        if not self._console.is_terminal and self._due(int(row["epoch"] or 0)):
            self._shown = time.monotonic()
            self._console.print(
                f"epoch {row['epoch']}/{self._epochs} {describe(row)} "
                f"| left {duration(self.seconds_left())}",
                soft_wrap=True,
                highlight=False,
                markup=False,
            )

    def seconds_left(self) -> float:
        """From the mean time of the steps made in this session."""
        made = max(1, self._steps - self._first)
        spent = time.monotonic() - self._start
        return spent / made * (self._epochs * self._batches - self._steps)

    def _due(self, epoch: int) -> bool:
        every = max(1, self._epochs // LINES)
        late = time.monotonic() - self._shown >= LINE_INTERVAL
        return late or epoch % every == 0 or epoch == self._epochs
