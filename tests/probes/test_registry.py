"""Every probe is registered once, exact ones first."""

from __future__ import annotations

import importlib
import pkgutil

from bench import probes
from bench.probes.probe import Probe
from bench.probes.registry import PROBES


def test_every_module_with_a_probe_is_registered():
    modules = [
        importlib.import_module(f"{probes.__name__}.{item.name}")
        for item in pkgutil.iter_modules(probes.__path__)
    ]
    defined = [module.PROBE for module in modules if isinstance(vars(module).get("PROBE"), Probe)]
    assert sorted(probe.name for probe in defined) == sorted(PROBES)
    assert all(PROBES[probe.name] is probe for probe in defined)


def test_what_must_hold_exactly_comes_first():
    learned = [probe.learned for probe in PROBES.values()]
    assert learned == sorted(learned) and {True, False} == set(learned)


def test_names_can_be_typed_and_questions_asked():
    for name, probe in PROBES.items():
        assert name == name.lower() and name.replace(" ", "_").isidentifier()
        assert probe.question.endswith("?") and "\n" not in probe.question
    assert len({probe.question for probe in PROBES.values()}) == len(PROBES)
