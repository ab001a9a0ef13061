"""The house as a whole: how long its functions, files and rooms are, and what it is built on.

Which room imports from which is the contract of import-linter in pyproject.toml.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bench.paths import PACKAGE

ROOT = PACKAGE.parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
# Names of imports where a distribution has another one.
IMPORTED_AS = {"hydra_core": "hydra", "mace_torch": "mace", "pyyaml": "yaml"}
# Imported only where an extra was installed that asks for them, or by the tests of others.
OPTIONAL = {"pytest", "tblite", "wandb", "hydra_plugins"}
PLUGINS = {"hydra_joblib_launcher"}  # hydra finds them by itself


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and number of lines of every function, docstring included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{path.relative_to(ROOT)}:{node.name}", node.end_lineno - node.lineno + 1


def test_functions_are_short() -> None:
    lengths = dict(found for path in SOURCES for found in functions(path))
    values = np.array(list(lengths.values()))
    assert np.median(values) <= 14 and np.percentile(values, 90) <= 45
    assert {name: n for name, n in lengths.items() if n > 80} == {}


def test_files_are_short() -> None:
    tests = sorted((ROOT / "tests").rglob("*.py"))
    assert {str(p.relative_to(ROOT)): lines(p) for p in SOURCES if lines(p) > 450} == {}
    assert {str(p.relative_to(ROOT)): lines(p) for p in tests if lines(p) > 700} == {}


def test_no_room_holds_more_than_a_fifth() -> None:
    rooms: Counter[str] = Counter()
    for path in SOURCES:
        rooms[path.relative_to(PACKAGE).parts[0]] += lines(path)
    largest, size = rooms.most_common(1)[0]
    assert size <= 0.2 * rooms.total(), f"{largest}: {size} of {rooms.total()} lines"


def test_what_is_asserted_is_as_long_as_what_is_done() -> None:
    shared = {p for p in SOURCES if (PACKAGE / "testing") in p.parents}  # inherited by other tests
    tests = sum(map(lines, [*shared, *(ROOT / "tests").rglob("*.py")]))
    assert tests >= 0.9 * sum(lines(path) for path in SOURCES if path not in shared)


def imported() -> set[str]:
    """Third-party packages that some file imports."""
    names = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
    return names - {"bench", *sys.stdlib_module_names}


def test_every_dependency_is_imported_and_every_import_is_declared() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = re.search(r"^dependencies = \[(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    assert block is not None
    names = (re.match(r"[\w-]+", entry)[0] for entry in re.findall(r'^ +"(.*?)"', block[1], re.M))
    declared = {name.lower().replace("-", "_") for name in names}
    assert {IMPORTED_AS.get(name, name) for name in declared - PLUGINS} == imported() - OPTIONAL


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_left_for_later_and_no_note_outside_is_cited(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    unfinished = r"\b(TODO|FIXME|XXX)\b"
    elsewhere = r"design notes|physics\.md|architecture\.md|style\.md|\(physics[,:)]"
    assert re.findall(f"{unfinished}|{elsewhere}", text) == []
