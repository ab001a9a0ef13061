"""``bench check``: tables, files and exit codes; the numbers are tested with the probes."""

from __future__ import annotations

import json
import math
import re

import pytest

from bench.cli import main
from bench.config.schema import Ensemble
from bench.probes import registry
from bench.probes.probe import Probe
from bench.probes.result import Measurement, NotApplicable, Observed
from tests.models.test_points import build
from tests.trained import write_run

MEASURED_ON = r"facts measured on the \d+ training structures of pt_water"
QUICK = ["check", "model=scf_qeq", "preset=smoke"]


def answering(value: float, *, learned: bool = False) -> Probe:
    observed = Observed("H2O [slab]", [Measurement("a [number]", value, "eV", 1.0)])
    return Probe("fake", "does it work?", lambda subject: observed, learned=learned)


def refusing() -> Probe:
    def measure(subject):
        raise NotApplicable("no metal among H, O")

    return Probe("fake", "does it work?", measure)


@pytest.fixture
def fake(monkeypatch):
    return lambda probe: monkeypatch.setitem(registry.PROBES, "fake", probe)


@pytest.mark.parametrize(
    ("probe", "code", "shown"),
    [
        (answering(0.25), 0, ["pass", "a [number]", "0.25"]),
        (answering(2.5), 1, ["beyond", "fail, fake: a [number]: beyond its bar"]),
        (answering(math.nan), 1, ["nan", "beyond", "fail"]),
        (answering(2.5, learned=True), 0, ["beyond", "finding, fake: a [number]: the weights"]),
        (refusing(), 0, ["not applicable, fake: no metal among H, O"]),
    ],
)
def test_only_a_failure_is_an_exit_code(fake, capsys, probe, code, shown):
    fake(probe)
    assert main([*QUICK, "probes=fake"]) == code
    output = capsys.readouterr().out
    for text in shown:
        assert text in output
    assert re.search(MEASURED_ON, output)


def test_an_untrained_point_is_probed_and_written(tmp_path, capsys):
    file = tmp_path / "folder" / "qeq.json"
    assert main([*QUICK, "probes=vacuum,zero_field,chain", f"out={file}"]) == 0
    output = capsys.readouterr().out
    assert str(file) in output and "2 pass, 1 finding" in output
    content = json.loads(file.read_text())
    assert (content["model"], content["trained"]) == ("scf_qeq", False)
    assert re.search(MEASURED_ON, content["origin"])
    assert [probe["probe"] for probe in content["probes"]] == ["vacuum", "zero field", "chain"]
    vacuum, _, chain = content["probes"]
    assert vacuum["material"] == "slab of H2OPt12 in 40 and 60 Å"
    numbers = {m["name"]: m["value"] for m in chain["measurements"]}
    assert 2.0 < numbers["chain exponent"] < 3.0


def test_a_system_without_metal_and_water_has_other_materials(capsys):
    arguments = ["check", "model=split_charges", "system=sio2_vacancy", "preset=smoke"]
    assert main([*arguments, "probes=dissociation,screening,chain,supercells"]) == 0
    output = capsys.readouterr().out
    assert "OSi and O, 20 Å apart" in output
    assert re.search(r"charge of the anion +-2 ", output)
    assert "screening: no fcc metal among O, Si" in output
    assert "chain: no water: the training set has no H" in output


def test_a_run_is_probed_with_its_weights_and_keeps_the_result(tmp_path, capsys):
    model = build("local_charges")
    folder = write_run(tmp_path / "run", model)
    assert main(["check", f"run={folder}", "model=local_charges", "probes=dissociation"]) == 0
    assert "trained on made_up" in capsys.readouterr().out
    content = json.loads((folder / "probes.json").read_text())
    assert (content["model"], content["trained"]) == ("local_charges", True)
    (probe,) = content["probes"]
    assert probe["verdict"] == "finding" and "nothing makes ions whole" in probe["reason"]


def test_a_run_at_a_fixed_fermi_level_is_probed_at_constant_charge(tmp_path):
    fixed = {"ensemble": Ensemble.constant_fermi_level, "fermi_level": -1.0}
    folder = write_run(tmp_path, build("scf_qeq", **fixed))
    assert main(["check", f"run={folder}", "probes=vacuum"]) == 0
    (probe,) = json.loads((folder / "probes.json").read_text())["probes"]
    assert max(m["value"] for m in probe["measurements"]) < 1e-6


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        (["probes=chian"], ["probes=chian", "'chain'", "dissociation"]),
        (["run=nowhere"], ["nowhere/config.yaml does not exist"]),
        (["--model=scf_qeq"], ["options are written key=value"]),
        (["model=scf_qek"], ["model=scf_qek", "'scf_qeq'"]),
        (["model"], ["model is no setting"]),
    ],
)
def test_mistakes_are_told_without_a_traceback(arguments, fragments, capsys):
    assert main(["check", *arguments]) == 2
    error = capsys.readouterr().err
    assert all(fragment in error for fragment in fragments), error
    assert "Traceback" not in error


@pytest.mark.parametrize("beside", ["model=scf_qeq", "seed=3"])
def test_a_run_takes_no_other_settings(tmp_path, capsys, beside):
    folder = write_run(tmp_path, build("short_range"))
    assert main(["check", f"run={folder}", beside]) == 2
    error = capsys.readouterr().err
    assert beside in error and "model=short_range" in error
    assert not (folder / "probes.json").exists()


def test_help_lists_the_probes(capsys):
    assert main(["check", "--help"]) == 0
    output = capsys.readouterr().out
    for name, probe in registry.PROBES.items():
        assert name in output and probe.question in output
