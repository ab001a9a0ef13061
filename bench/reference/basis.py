"""Gaussian basis sets of CP2K's data files, uncontracted."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from bench.errors import BenchError

BASIS = "DZVP-MOLOPT-SR-GTH"  # of the labels
_FILE = "BASIS_MOLOPT"
_DATA = "/usr/share/cp2k"  # Debian's cp2k-data; CP2K itself looks in CP2K_DATA_DIR first


def uncontracted(symbol: str) -> list[str]:
    """The element's basis with every primitive a function of its own.

    Every exponent of the contracted set appears with every angular momentum of the set. Returned
    are the lines of a CP2K basis: number of sets, then per exponent "n l_min l_max 1", one function
    per angular momentum, and "exponent 1 1 ...".

    Raises:
        BenchError: CP2K's data are not installed, or the element has no such basis.
    """
    lines = _read(Path(os.environ.get("CP2K_DATA_DIR", _DATA)) / _FILE)
    heads = [n for n, line in enumerate(lines) if line.split()[:2] == [symbol, BASIS]]
    if not heads:
        raise BenchError(
            f"{_FILE} has no {BASIS} of {symbol}.", "Elements: H to Rn without the lanthanides."
        )
    start = heads[0] + 1
    if lines[start].split() != ["1"]:
        raise BenchError(
            f"{BASIS} of {symbol} has {lines[start].strip()} sets of exponents, not 1."
        )
    quantum, lowest, highest, count = lines[start + 1].split()[:4]
    functions = int(highest) - int(lowest) + 1
    head = " ".join([quantum, lowest, highest, "1", *["1"] * functions])
    result = [count]
    for line in lines[start + 2 : start + 2 + int(count)]:
        result += [head, " ".join([line.split()[0], *["1.0"] * functions])]
    return result


@cache
def _read(path: Path) -> list[str]:
    if not path.is_file():
        raise BenchError(
            f"{path} does not exist.",
            "apt-get install -y cp2k-data, or set CP2K_DATA_DIR to the folder that holds it.",
        )
    return path.read_text().splitlines()
