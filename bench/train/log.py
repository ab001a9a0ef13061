"""training_log.csv: one row per epoch, units in the header."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence

from bench.labels.quantities import parts

Row = dict[str, float | int | str | None]


def error_column(part: str) -> str:
    """The column of a part's validation error."""
    return f"valid_{part}_rmse"


# Columns in order, with their units; scf_* are over the validation set.
COLUMNS: dict[str, str] = {
    "epoch": "",
    "mode": "",
    "train_loss": "",
    "valid_loss": "",
    **{error_column(name): part.unit for name, (_, part) in parts().items()},
    "scf_iterations": "",
    "scf_unconverged": "structures",
    "scf_response_max": "",
    "train_scf_unconverged": "structures",
    "learning_rate": "",
    "seconds": "s",
}


def heading(column: str) -> str:
    """A column's name in the file: ``valid_forces_rmse [meV/Å]``."""
    unit = COLUMNS[column]
    return f"{column} [{unit}]" if unit else column


def to_csv(rows: Sequence[Mapping[str, float | int | str | None]]) -> str:
    """The whole file; a cell is empty where the point does not predict the quantity."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([heading(column) for column in COLUMNS])
    writer.writerows([[_cell(row.get(column)) for column in COLUMNS] for row in rows])
    return text.getvalue()


def _cell(value: float | int | str | None) -> str:
    if value is None:
        return ""
    return f"{value:.8g}" if isinstance(value, float) and math.isfinite(value) else str(value)
