"""Where the files that travel with the package lie."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def shipped(folder: str) -> Path:
    """The shipped folder ``conf`` or ``datasets``: at the top of a checkout, in an installed wheel
    inside the package."""
    checkout = PACKAGE.parent / folder
    return checkout if checkout.is_dir() else PACKAGE / folder
