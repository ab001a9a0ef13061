"""The table of quantities: parts that tile their components, and no key anywhere else."""

import ast
from pathlib import Path

import pytest

from bench.labels.quantities import QUANTITIES, Source, labels, parts
from bench.paths import PACKAGE


@pytest.mark.parametrize("quantity", QUANTITIES.values(), ids=lambda quantity: quantity.name)
def test_parts_tile_the_components(quantity):
    numbers = list(range(quantity.components))
    assert [k for part in quantity.parts for k in numbers[part.components]] == numbers
    assert all(part.unit for part in quantity.parts) and quantity.description


def test_names_of_parts_are_unique_and_those_of_labels_are_keys():
    assert len(parts()) == sum(len(q.parts) for q in QUANTITIES.values())
    assert {q.reference_key for q in labels().values()} == {f"REF_{name}" for name in labels()}
    for quantity in QUANTITIES.values():
        assert (quantity.source is Source.state) == bool(quantity.stated_as)
        assert (quantity.source is Source.derived) == (quantity.made_from in QUANTITIES)


def literals(path: Path) -> list[str]:
    """Every text in a file that is no docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    found = (n for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in docs)
    return [n.value for n in found if isinstance(n.value, str)]


def test_keys_are_written_in_this_room_alone():
    prefixes = ("REF_", "PRED_", "SCF_", "BASELINE_")
    sources = [path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE / "labels"]
    assert len(sources) > 100
    written = [
        f"{path.relative_to(PACKAGE)}: {text}"
        for path in sources
        for text in literals(path)
        if any(prefix in text for prefix in prefixes)
    ]
    assert written == []
