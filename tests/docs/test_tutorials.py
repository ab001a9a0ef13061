"""The code of the tutorials, where their pages say that it belongs."""

import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from bench.evaluate.registry import METRICS
from bench.probes.materials import metal_slab
from bench.probes.result import Verdict
from bench.probes.subject import Subject
from bench.report.drawing import NoData
from bench.testing.frames import cluster, slab
from bench.testing.small import build, small_config
from examples.tutorials.figure import force_error_figure
from examples.tutorials.metric import LARGEST_FORCE, largest_force_error
from examples.tutorials.probe import PROBE
from tests.docs.commands import ROOT

PAGES = sorted((ROOT / "docs").rglob("*.md"))


# --8<-- [start:metric]
def off_by(*errors, converged=True):
    """Structures with one force component off by so much, in eV/Å."""
    frames = []
    for error in errors:
        atoms = cluster()
        atoms.arrays["PRED_forces"] = atoms.arrays["REF_forces"].copy()
        atoms.arrays["PRED_forces"][2, 1] += error
        atoms.info["SCF_converged"] = converged
        frames.append(atoms)
    return frames


def test_the_metric_is_the_largest_error(monkeypatch):
    monkeypatch.setitem(METRICS, LARGEST_FORCE.name, LARGEST_FORCE)
    (found,) = largest_force_error(off_by(0.1, -0.3, 0.2)).records
    assert (found.value, found.unit, found.n) == (pytest.approx(300.0), "meV/Å", 3)


def test_the_metric_is_absent_with_its_reason():
    result = largest_force_error(off_by(0.1, converged=False))
    assert not result.records and "converged" in result.absent["forces_largest"]


# --8<-- [end:metric]
# --8<-- [start:figure]
def test_the_figure_shows_every_element():
    figure = force_error_figure(off_by(0.1, 0.2), "two pairs of water")
    (axes,) = figure.axes
    lines = {line.get_label(): line.get_xdata() for line in axes.lines}
    assert isinstance(figure, Figure) and list(lines) == ["H, 24 components", "O, 12 components"]
    np.testing.assert_allclose(lines["H, 24 components"][-2:], [100.0, 200.0])
    with pytest.raises(NoData):
        force_error_figure(off_by(0.1, converged=False), "")


# --8<-- [end:figure]
# --8<-- [start:probe]
@pytest.mark.parametrize(
    ("point", "frames", "verdict"),
    [
        ("scf_qeq", [slab()], Verdict.passed),
        ("short_range", [slab()], Verdict.not_applicable),
        ("scf_qeq", [cluster()], Verdict.not_applicable),
    ],
)
def test_the_probe_has_its_verdict(point, frames, verdict):
    model = build(small_config(point), frames=frames)
    assert PROBE.run(Subject.of(model, trained=False)).verdict is verdict


def test_the_probe_can_fail(monkeypatch):
    """A slab with oxygen on one side is not symmetric."""
    oxidised = metal_slab(frozenset({"Al"}))
    oxidised.symbols[0] = "O"
    monkeypatch.setitem(PROBE.measure.__globals__, "metal_slab", lambda elements: oxidised)
    model = build(small_config("scf_qeq"), frames=[slab()])
    result = PROBE.run(Subject.of(model, trained=False))
    assert result.verdict is Verdict.failed and "beyond its bar" in result.reason


# --8<-- [end:probe]
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_includes_what_exists(page):
    lines = re.findall(r"^--8.*", page.read_text(encoding="utf-8"), re.MULTILINE)
    for line in lines:
        path, section = re.fullmatch(r'--8<-- "([^":]+):?(\w*)"', line).groups()
        text = (ROOT / path).read_text(encoding="utf-8")
        assert not section or (f"[start:{section}]" in text and f"[end:{section}]" in text)
