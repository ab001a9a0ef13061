"""Structures from an extended XYZ file, each error with the file and the structure's index."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from ase import Atoms
from ase.io.extxyz import read_xyz
from ase.io.formats import open_with_compression

from bench.errors import BenchError


def read_extxyz(path: Path) -> list[Atoms]:
    """All structures of a file, whatever its name, with or without a byte order mark.

    ase would take ``left@300K.xyz`` for structure 300K of ``left``, and would leave out without a
    word what follows a blank line.

    Args:
        path: plain, or compressed as .gz, .bz2 or .xz.

    Raises:
        BenchError: no such file, no text, or a structure that cannot be read, with its index.
    """
    frames = []
    for index, block in enumerate(_blocks(path)):
        where = f"{path}, structure {index}"
        try:
            frames.append(next(read_xyz(StringIO(block), index=0)))
        except KeyError as error:  # ase's table of symbols
            raise BenchError(
                f"{where}: {error} is no chemical element.", _element_mend(str(error))
            ) from error
        except Exception as error:
            told = str(error).removeprefix("ase.io.extxyz: ").rstrip(".") or type(error).__name__
            raise BenchError(f"{where} cannot be read as extxyz: {told}.") from error
    return frames


def _blocks(path: Path) -> Iterator[str]:
    """The text of each structure: its number of atoms, the comment line and the atoms."""
    lines = StringIO(_text(path)).readlines()
    at = index = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        count = lines[at].strip()
        if not count.isdecimal() or int(count) == 0:
            raise BenchError(
                f"{path}, structure {index} (line {at + 1}) cannot be read as extxyz: expected "
                f"its number of atoms, found {count[:40]!r}."
            )
        end = at + 2 + int(count)
        while end < len(lines) and lines[end].lstrip().startswith("VEC"):  # an old way of cells
            end += 1
        yield "".join(lines[at:end])
        at, index = end, index + 1


def _text(path: Path) -> str:
    try:
        with open_with_compression(str(path), "rb") as file:
            return str(file.read().decode("utf-8-sig"))
    except FileNotFoundError as error:
        raise BenchError(f"{path} does not exist.") from error
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise BenchError(f"{path} cannot be read as extxyz: {error}.") from error


def _element_mend(symbol: str) -> str:
    isotope = symbol.strip("'\"") in ("D", "T")
    return "An isotope has the labels of hydrogen: write H." if isotope else ""
