"""``bench list``: kinds in the order asked for, and the models' place in the design space."""

import re
from dataclasses import fields

import pytest

from bench.commands.list import main
from bench.config.catalogue import axes, choices, presets
from bench.config.schema import Axes
from bench.errors import BenchError
from bench.evaluate.registry import METRICS


def listed(capsys, *argv):
    assert main(list(argv)) == 0
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("argv", [(), ("presets", "systems"), ("systems",), ("models", "presets")])
def test_kinds_come_in_the_order_asked_for(capsys, argv):
    heads = [line[:-1] for line in listed(capsys, *argv) if not line.startswith(" ")]
    assert heads == list(argv or ("models", "systems", "presets", "studies", "metrics"))


@pytest.mark.parametrize(
    ("kind", "rows"),
    [("systems", choices("system")), ("presets", presets()), ("studies", choices("study"))],
    ids=["systems", "presets", "studies"],
)
def test_a_line_is_a_name_and_its_description_in_one_column(capsys, kind, rows):
    lines = listed(capsys, kind)[1:]
    starts = {line.index(text) for line, text in zip(lines, rows.values())}
    assert [line.split("  ")[1] for line in lines] == list(rows) and len(starts) == 1


def test_metrics_state_their_units(capsys):
    lines = listed(capsys, "metrics")[1:]
    assert len(lines) == len(METRICS)
    for line, metric in zip(lines, METRICS.values()):
        assert re.match(rf"  {metric.name} +\[{re.escape(metric.unit or '1')}\] \S", line)


def test_models_alone_are_a_table_of_axes(capsys):
    head, *lines = listed(capsys, "models")
    names = [item.name for item in fields(Axes)]
    assert head.split() == ["model", *names]
    starts = [head.index(name) for name in names]
    for line, (model, where) in zip(lines, axes().items(), strict=True):
        assert line.split()[0] == model
        for start, name in zip(starts, names):
            assert line[start:].startswith(where[name])


def test_a_users_model_without_axes_and_a_system_without_words(capsys, tmp_path, monkeypatch):
    for name in ("model/aaa.yaml", "system/aaa.yaml"):
        path = tmp_path / "conf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("name: scf_qeq\n")
    monkeypatch.chdir(tmp_path)
    assert listed(capsys, "models")[1] == "aaa"
    assert listed(capsys, "systems")[1] == "  aaa"


@pytest.mark.parametrize(
    ("argv", "problem", "mend"),
    [
        (
            ["modles"],
            "bench list: kinds=modles is not known.",
            "Did you mean 'models'? Allowed: metrics",
        ),
        (["presets", "all"], "bench list: kinds=all is not known.", "Allowed: metrics, models"),
        (["-x"], "bench list: -x does not exist; options are written key=value.", "Allowed: kinds"),
    ],
)
def test_an_unknown_kind_is_refused_before_anything_is_printed(capsys, argv, problem, mend):
    with pytest.raises(BenchError) as refusal:
        main(argv)
    assert refusal.value.problem == problem and refusal.value.mend.startswith(mend)
    assert capsys.readouterr().out == ""


def test_a_kind_by_its_key(capsys):
    assert listed(capsys, "kinds=presets") == listed(capsys, "presets")
