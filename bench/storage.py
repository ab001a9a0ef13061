"""How files come to the disk: whole or not at all, and written by one process at a time.

Everything that writes uses these, so that a full disk, a crash or a second process leaves no half
of a file.  What a file means is known where it belongs; how it gets there only here.
"""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from bench.errors import BenchError, Busy

if TYPE_CHECKING:
    import ase

LOCK = ".lock"
JSON_WIDTH = 200  # characters of a line; a metric fits
WAIT = "Wait for it, or stop it and give the same command again."


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file to fill, which takes the place of ``path`` when the block ends well.

    Args:
        path: its folder is made where it lacks; the temporary file lies beside it and has the same
            suffix, since some writers choose their format by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}-{os.getpid()}{path.suffix}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())  # a rename may reach the disk before the bytes do
        temporary.replace(path)
    except OSError as error:
        if error.errno and not error.filename:  # a full disk does not say which file it was
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> Path:
    """Write bytes; returns the path."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return path


def write_text(path: Path, text: str) -> Path:
    """Write text as UTF-8; returns the path."""
    return write_bytes(path, text.encode())


def write_json(path: Path, content: Any) -> Path:
    """Write plain types, what fits on a line on one; returns the path.

    Raises:
        ValueError: NaN or infinity, which are no JSON and no numbers to report.
    """
    return write_text(path, _json(content) + "\n")


def _json(content: Any, indent: str = "") -> str:
    """JSON whose innermost tables are lines: a quarter smaller, a metric is a line of a diff."""
    line = json.dumps(content, allow_nan=False, ensure_ascii=False)
    if len(indent) + len(line) <= JSON_WIDTH or not isinstance(content, dict | list | tuple):
        return line
    inner = indent + "  "
    if isinstance(content, dict):
        keys = (json.dumps(str(key), ensure_ascii=False) for key in content)
        items = [f"{k}: {_json(v, inner)}" for k, v in zip(keys, content.values(), strict=True)]
        start, end = "{}"
    else:
        items, (start, end) = [_json(value, inner) for value in content], "[]"
    return f"{start}\n{inner}" + f",\n{inner}".join(items) + f"\n{indent}{end}"


def write_yaml(path: Path, content: Any) -> Path:
    """Write plain types in their order; returns the path."""
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
    return write_text(path, text)


def write_csv(path: Path, lines: Iterable[Sequence[Any]]) -> Path:
    """Write lines of cells, the heading first; returns the path."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return write_text(path, text.getvalue())


def write_frames(path: Path, frames: Sequence[ase.Atoms]) -> Path:
    """Write structures as extxyz; returns the path."""
    from ase.io import write  # slow to import, and not everyone writes structures

    with replacing(path) as temporary:
        write(temporary, frames, format="extxyz")
    return path


def write_tensors(path: Path, parts: Mapping[str, Any]) -> Path:
    """Write tensors and plain types as torch does; returns the path."""
    import torch  # slow to import, and not everyone writes tensors

    whole = io.BytesIO()  # torch turns a full disk's error into one that nobody understands
    torch.save(parts, whole)
    return write_bytes(path, whole.getvalue())


@contextmanager
def locked(folder: Path, *, mend: str = WAIT) -> Iterator[None]:
    """Keep other processes out of a folder.

    The kernel drops the lock with its process, so that a killed one leaves none behind.

    Args:
        folder: made where it lacks.
        mend: what to do where another process is there.

    Raises:
        Busy: another process holds the lock.
        BenchError: the file system knows no locks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a+") as lock:
        _acquire(lock.fileno(), folder, mend)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def is_locked(folder: Path) -> bool:
    """Whether a process of this machine holds the lock of a folder."""
    file = folder / LOCK
    if not file.is_file():
        return False
    with file.open() as lock:
        try:
            fcntl.flock(lock.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _acquire(descriptor: int, folder: Path, mend: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = (folder / LOCK).read_text().strip()
        raise Busy(f"{folder} is being written by another process (pid {owner}).", mend) from None
    except OSError as error:
        raise BenchError(
            f"{folder}: this file system cannot lock files ({error.strerror}).",
            "Choose a folder on another one.",
        ) from error
