"""Commands that pages show, as words."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language in a page."""
    text = page.read_text(encoding="utf-8")
    return [found["text"] for found in _BLOCK.finditer(text) if found["language"] == language]


def commands(page: Path) -> list[list[str]]:
    """The words of every line of the page's bash blocks, also of what a line evaluates."""
    lines = "".join(blocks(page, "bash")).replace("\\\n", " ").splitlines()
    lines = [re.sub(r'^eval "\$\((.*)\)"$', r"\1", line) for line in lines]
    return [words for line in lines if (words := shlex.split(line, comments=True))]
