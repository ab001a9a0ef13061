"""Who a run is: a short hash of its configuration, its data and the code that computes it.

The code counts as what it means: its definitions as syntax trees, without docstrings, comments,
formatting, the words of errors, the files that hold them and the lines that import them from each
other.  So rewording or moving code keeps a finished run, and no person has to remember to raise a
version.  What this cannot see is two definitions of one name changing places.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from bench.config.schema import RunConfig
from bench.outside import sources
from bench.paths import PACKAGE

# Where a run writes, on what it computes and how things are worded decide no number.
_NOT_IDENTITY = ("results_dir", "device", "figures", "wandb")
_NOT_IDENTITY_OF_PARTS = {"model": ("description", "axes"), "system": ("description", "path")}
_WORDS = ("title", "text", "description")  # arguments that people read
# The rooms that decide a number.
_IDENTITY_SOURCES = (
    "data/**/*.py",
    "labels/**/*.py",
    "backbone/**/*.py",
    "density/**/*.py",
    "scf/**/*.py",
    "models/**/*.py",
    "train/**/*.py",
)


@dataclass(frozen=True)
class Identity:
    """What makes two runs the same run.

    Attributes:
        run_id: ten hexadecimal digits.
        data_checksum: sha256 of the dataset's files.
        code_version: ten hexadecimal digits over the sources that decide numbers.
    """

    run_id: str
    data_checksum: str
    code_version: str


def identify(config: RunConfig, data_checksum: str) -> Identity:
    """The identity of a run, independent of the order of keys.

    Args:
        config: composed configuration.
        data_checksum: of the dataset.
    """
    code = code_version(outside=sources(config.model.point) if config.model.point else ())
    parts = {"config": canonical(config), "data": data_checksum, "code": code}
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return Identity(_short_hash(text.encode()), data_checksum, code)


def canonical(config: RunConfig) -> dict[str, Any]:
    """Plain types of what decides a run's numbers."""
    return deciding(plain(config))


def deciding(values: dict[str, Any]) -> dict[str, Any]:
    """A configuration of plain types without what decides no number."""
    kept = {key: value for key, value in values.items() if key not in _NOT_IDENTITY}
    for part, words in _NOT_IDENTITY_OF_PARTS.items():
        kept[part] = {key: value for key, value in kept[part].items() if key not in words}
    return kept


def plain(config: Any) -> dict[str, Any]:
    """A configuration as nested dictionaries of YAML's own types, enumerations by name."""
    assert is_dataclass(config) and not isinstance(config, type)

    def simplify(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: simplify(item) for key, item in value.items()}
        return value.name if isinstance(value, Enum) else value

    return {key: simplify(value) for key, value in asdict(config).items()}


def code_version(package: Path = PACKAGE, outside: Sequence[Path] = ()) -> str:
    """Ten hexadecimal digits over the definitions that decide numbers, wherever they stand.

    Args:
        package: this one.
        outside: files of a point that is not in it.
    """
    statements = [
        statement
        for path in [*identity_sources(package), *outside]
        for statement in _statements(path, path.stat().st_mtime_ns)
    ]
    return _short_hash("\n".join(sorted(statements)).encode())


@cache
def _statements(path: Path, changed: int) -> list[str]:
    """What a file says, read once for each time that it was changed (ns)."""
    tree = _Meaning().visit(ast.parse(path.read_text(encoding="utf-8")))
    return [_text(statement) for statement in tree.body]


def _text(node: Any) -> str:
    """A syntax tree as every Python writes it.

    ``ast.unparse`` will not do: its f-strings have other quotes in 3.12 than before and after, and
    a study that was computed there would not be found here. Newer versions have more fields, all
    empty.
    """
    if isinstance(node, ast.AST):
        fields = [item for item in ast.iter_fields(node) if item[1] not in (None, [])]
        return f"{type(node).__name__}({', '.join(f'{k}={_text(v)}' for k, v in fields)})"
    if isinstance(node, list):
        return f"[{', '.join(map(_text, node))}]"
    return ascii(node)


class _Meaning(ast.NodeTransformer):
    """A syntax tree without what decides no number."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.If) and not node.body:
            node.body = [ast.Pass()]
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        """Docstrings: a text alone does nothing."""
        return None if isinstance(node.value, ast.Constant) else node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.JoinedStr:
        """Python 3.12.3 ends a format such as ``{x:>{width}}`` with a text of no length."""
        self.generic_visit(node)
        node.values = [part for part in node.values if getattr(part, "value", None) != ""]
        return node

    def visit_Raise(self, node: ast.Raise) -> ast.Raise:
        """That an error is raised counts, its words do not."""
        kind = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        return ast.Raise(exc=kind, cause=None)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom | None:
        """What comes from this package is hashed where it is defined."""
        return None if (node.module or "").partition(".")[0] == "bench" else node

    def visit_keyword(self, node: ast.keyword) -> ast.keyword | None:
        """How a quantity is called and described where people read it."""
        self.generic_visit(node)
        return None if node.arg in _WORDS else node

    def visit_Call(self, node: ast.Call) -> ast.Call:
        """And an option of a point from outside: its default counts, not what it means."""
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "key":
            node.args = node.args[:1]
        return node

    def visit_Import(self, node: ast.Import) -> ast.Import | None:
        """As above."""
        return None if node.names[0].name.partition(".")[0] == "bench" else node


def identity_sources(package: Path = PACKAGE) -> list[Path]:
    """The files whose change makes another run of the same configuration and data."""
    return sorted({path for pattern in _IDENTITY_SOURCES for path in package.glob(pattern)})


def _short_hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:10]
