"""Predictions so far, on the disk: an interrupted scoring goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import ase

from bench.data.extxyz import read_extxyz
from bench.labels.quantities import QUANTITIES
from bench.labels.stored import stored
from bench.storage import write_frames

SAVED_EVERY = 30.0  # s


class SoFar:
    """What a calculator has said of structures, by uid.

    Numbers that are read again have the digits of the file, 8 decimals of arrays.

    Args:
        path: of the file; what an earlier process left there is taken up.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        left = read_extxyz(path) if path.is_file() else []
        self._done = {str(atoms.info["uid"]): atoms for atoms in left}
        self._saved = time.monotonic()

    def __len__(self) -> int:
        return len(self._done)

    def of(self, atoms: ase.Atoms, predict: Callable[[ase.Atoms], ase.Atoms]) -> ase.Atoms:
        """The structure with its predictions, made now unless they are there.

        Args:
            atoms: a structure of ours.
            predict: gives a copy with predictions.
        """
        uid = str(atoms.info["uid"])
        if uid in self._done:
            return _with_predictions(atoms, self._done[uid])
        self._done[uid] = frame = predict(atoms)
        if time.monotonic() - self._saved > SAVED_EVERY:
            self.save()
        return frame

    def save(self) -> None:
        """Write everything so far."""
        if self._done:
            write_frames(self._path, list(self._done.values()))
        self._saved = time.monotonic()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Save however the block ends, but for well: then nothing is left on the disk."""
        try:
            yield
        except BaseException:
            self.save()
            raise
        self._path.unlink(missing_ok=True)


def _with_predictions(atoms: ase.Atoms, saved: ase.Atoms) -> ase.Atoms:
    """A copy with what was predicted, in the shapes of quantities."""
    frame: ase.Atoms = atoms.copy()
    frame.info |= {k: v for k, v in saved.info.items() if k not in frame.info}
    for key, values in saved.arrays.items():
        if key not in frame.arrays:
            frame.arrays[key] = values
    for quantity in QUANTITIES.values():
        rows = stored(saved, quantity, quantity.predicted_key)
        if rows is not None and quantity.per_atom:
            frame.arrays[quantity.predicted_key] = rows
    return frame
