"""YAML of conf/ and datasets/ against what reads it: ``python -m tests.yaml_files FILE ...``."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from bench.config.compose import compose
from bench.data.card import read_card
from bench.errors import BenchError
from bench.reference.plan import read_recipe

GROUPS = ("model", "system", "training", "preset")


def check(path: Path) -> None:
    """Refuse a file that its reader would refuse: a key, a type or a value that does not exist.

    Raises:
        BenchError: with what is wrong.
        yaml.YAMLError: no YAML at all.
    """
    yaml.safe_load(path.read_text(encoding="utf-8"))
    if path.parent.name in GROUPS:
        compose([f"{path.parent.name}={path.stem}"])
    elif path.name == "card.yaml":
        read_card(path.parent)
    elif path.name == "recipe.yaml":
        read_recipe(path)


def main(names: list[str]) -> int:
    """How many of the files are refused, each with a line."""
    refused = 0
    for name in names:
        try:
            check(Path(name))
        except (BenchError, yaml.YAMLError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            refused += 1
    return min(refused, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
