"""Numbers as a table has them."""

from __future__ import annotations


def digits(value: float, count: int = 3) -> str:
    """So many significant digits, zeros at their end included: 0.7 is known less well than 0.700.

    Whole numbers, which are counts, stay as they are; there is no exponent where the digits before
    the point are enough.

    Args:
        value: finite.
        count: of digits.
    """
    if float(value).is_integer() and abs(value) < 1e5:
        return f"{int(value)}"
    text = f"{value:#.{count}g}"
    if "e+" in text and abs(value) < 1e5:
        return f"{value:.0f}"
    return text.replace(".e", "e").removesuffix(".")
