"""Formulas of the pages as MathML."""

from __future__ import annotations

import html
import re

from latex2mathml.converter import convert

_FORMULA = re.compile(
    r'<(?:span|div) class="arithmatex">'
    r"\\(?P<kind>[(\[])(?P<tex>.+?)\\[)\]]</(?:span|div)>",
    re.DOTALL,
)


def on_page_content(content: str, **_: object) -> str:
    """Formulas become MathML, which browsers show without a script or a network.

    Raises:
        ValueError: one that cannot be shown.
    """
    return _FORMULA.sub(_mathml, content)


def _mathml(found: re.Match[str]) -> str:
    tex = " ".join(html.unescape(found["tex"]).split())
    made: str = convert(tex, display="block" if found["kind"] == "[" else "inline")
    if "\\" in made:
        raise ValueError(f"{tex}: a command that the converter does not know")
    return made
