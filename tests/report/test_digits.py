"""Three digits are three digits, and a count is a count."""

import pytest

from bench.report.digits import digits


@pytest.mark.parametrize(
    ("value", "count", "text"),
    [
        (0.7, 3, "0.700"),
        (10.002, 3, "10.0"),
        (9.976, 3, "9.98"),
        (161.2, 3, "161"),
        (999.7, 3, "1000"),
        (1381.3, 3, "1381"),
        (2.5e7, 3, "2.50e+07"),
        (-0.0123, 3, "-0.0123"),
        (3e-17, 3, "3.00e-17"),
        (43, 3, "43"),
        (0.0, 3, "0"),
        (0.099, 1, "0.1"),
        (2.4, 1, "2"),
        (23.4, 1, "23"),
        (1.2e-7, 1, "1e-07"),
    ],
)
def test_significant_digits(value, count, text):
    assert digits(value, count) == text
