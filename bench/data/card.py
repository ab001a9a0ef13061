"""card.yaml of a data set: which files, with which checksums and labels."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import yaml

from bench.errors import BenchError, nearest
from bench.labels.quantities import ENERGY
from bench.paths import shipped


def read_card(folder: Path) -> dict[str, Any]:
    """The card of a data set's folder.

    ``files`` is a list of ``{name, sha256}``, ``labels`` says by reference key whether every
    structure has it (``required``) and the step between values of finite decimals
    (``resolution``); the rest is for people.

    Raises:
        BenchError: no card, no YAML, or not of this form.
    """
    path = folder / "card.yaml"
    if not path.is_file():
        known = [p.parent.name for p in shipped("datasets").glob("*/card.yaml")]
        raise BenchError(f"{path} does not exist.", nearest(folder.name, known))
    try:
        card = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        told = " ".join(str(error).split())
        raise BenchError(f"{path} is no YAML: {told}", "See datasets/README.md.") from error
    for key in ("files", "labels"):
        if not isinstance(card, dict) or key not in card:
            raise BenchError(f"{path}: the card has no '{key}'.", "See datasets/README.md.")
    _check_files(card["files"], path)
    _check_labels(card["labels"], path)
    return dict(card)


def check_sha256(path: Path, expected: str) -> None:
    """Refuse a data file that is missing or not the one that the card describes.

    Args:
        path: of the file.
        expected: the card's checksum, hexadecimal.

    Raises:
        BenchError: with both checksums.
    """
    if not path.is_file():
        raise BenchError(f"{path} is listed in card.yaml but does not exist.")
    actual = hashlib.sha256(path.read_bytes()).hexdigest()
    if actual != expected:
        raise BenchError(
            f"{path}: sha256 is {actual[:16]}…, the card says {expected[:16]}….",
            f"The file has changed. Restore it (`git checkout {path}`) or, if the change is "
            "meant, write the new checksum into card.yaml.",
        )


def _check_files(files: Any, path: Path) -> None:
    entries = files if isinstance(files, list) else [files]
    for number, entry in enumerate(entries):
        given = entry if isinstance(entry, dict) else {}
        if not all(isinstance(given.get(key), str) for key in ("name", "sha256")):
            raise BenchError(
                f"{path}: files[{number}] is {entry!r}.",
                "A list of files, each with name and sha256, as text: see datasets/README.md.",
            )


def _check_labels(labels: Any, path: Path) -> None:
    if not isinstance(labels, dict):
        raise BenchError(
            f"{path}: labels is {labels!r}.",
            f"By key, such as {ENERGY.reference_key}: {{required: true}}.",
        )
    for key, entry in labels.items():
        known = entry if isinstance(entry, dict) else {"required": None}
        step = known.get("resolution", 1.0)
        if not isinstance(known.get("required", False), bool) or not isinstance(step, float):
            raise BenchError(
                f"{path}: labels, {key}: {entry!r}.", f"As in {key}: {{required: true}}."
            )
