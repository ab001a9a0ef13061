"""How many cases are tried, and the count that is printed at the end.

``FUZZ_CASES`` is their number in all (``make fuzz``: 10,000); a few hundred without it.
"""

from __future__ import annotations

import os
from collections import Counter

from hypothesis import HealthCheck, Phase, settings

CASES = int(os.environ.get("FUZZ_CASES", "240"))
OUTCOMES: Counter[str] = Counter()

# Without a number of their own, cases are the same on every machine.  A case that takes longer than
# the deadline (ms) counts as a hang.
settings.register_profile(
    "fuzz",
    deadline=20_000,
    derandomize="FUZZ_CASES" not in os.environ,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("fuzz")


def pytest_terminal_summary(terminalreporter):
    """How the cases ended."""
    if OUTCOMES:
        total = sum(OUTCOMES.values())
        told = ", ".join(f"{count} {name}" for name, count in sorted(OUTCOMES.items()))
        terminalreporter.write_line(f"{total} cases: {told}; none ended in a traceback or a hang")
