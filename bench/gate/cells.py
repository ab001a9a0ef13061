"""The runs that guard accuracy: few, small, and the same for everybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from bench.errors import BenchError, nearest

CELLS = "cells.yaml"


@dataclass(frozen=True)
class Cell:
    """One training that is judged.

    Attributes:
        name: of the cell and of its baseline's file.
        words: settings as one types them after ``bench run``.
    """

    name: str
    words: tuple[str, ...]


def read_cells(folder: Path, names: Sequence[str] = ()) -> list[Cell]:
    """The cells of a folder of baselines.

    Args:
        folder: with ``cells.yaml``: ``common`` words and ``cells``, words by name.
        names: only these.

    Raises:
        BenchError: no such file, one of another shape, a name that it does not hold.
    """
    path = folder / CELLS
    if not path.is_file():
        raise BenchError(
            f"{path} does not exist.",
            "bench regress runs in the repository, or with baselines=FOLDER.",
        )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        common = [str(word) for word in content["common"]]
        cells = [
            Cell(str(name), (*common, *map(str, words))) for name, words in content["cells"].items()
        ]
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise BenchError(
            f"{path}: it needs common, a list of words, and cells, lists of words by name."
        ) from error
    known = [cell.name for cell in cells]
    for name in names:
        if name not in known:
            raise BenchError(f"{path} has no cell {name}.", nearest(name, known))
    return [cell for cell in cells if not names or cell.name in names]
