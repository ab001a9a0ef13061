"""A working folder with a made-up system, as a person would have it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scoring.made_up import waters, write_dataset


@pytest.fixture
def work(tmp_path, monkeypatch) -> Path:
    """The current folder."""
    write_dataset(tmp_path, waters())
    monkeypatch.chdir(tmp_path)
    return tmp_path
