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
    """Formulas become MathML, which browsers show without a script or a network."""
    return _FORMULA.sub(_mathml, content)


def _mathml(found: re.Match[str]) -> str:
    tex = " ".join(html.unescape(found["tex"]).split())
    return convert(tex, display="block" if found["kind"] == "[" else "inline")
