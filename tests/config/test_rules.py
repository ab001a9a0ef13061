"""Rules beyond types: their edges, what they say, and that no number goes without one."""

import dataclasses
import math
from dataclasses import replace
from functools import reduce

import pytest

from bench.config import rules
from bench.config.compose import compose
from bench.config.rules import check, check_writable
from bench.config.schema import Ensemble, RunConfig
from bench.errors import BenchError

CONFIG = compose(["model=scf_qeq", "system=pt_water"])
OTHERWISE_CHECKED = {"model.l_max", "model.fermi_level"}  # by choices, with the ensemble


def changed(key, value):
    """The configuration with one key set, whatever its type."""
    *parents, name = key.split(".")
    nodes = [CONFIG]
    for parent in parents:
        nodes.append(getattr(nodes[-1], parent))
    new = replace(nodes.pop(), **{name: value})
    while nodes:
        new = replace(nodes.pop(), **{parents.pop(): new})
    return new


def value_of(key):
    return reduce(getattr, key.split("."), CONFIG)


def numeric_keys(node=CONFIG, prefix=""):
    for item in dataclasses.fields(node):
        value = getattr(node, item.name)
        if dataclasses.is_dataclass(value):
            yield from numeric_keys(value, f"{prefix}{item.name}.")
        elif isinstance(value, list) or (
            isinstance(value, int | float) and not isinstance(value, bool)
        ):
            yield prefix + item.name


def test_every_number_has_a_rule():
    ruled = {*rules._POSITIVE, *rules._NOT_NEGATIVE, *rules._FRACTIONS, *rules._AT_MOST_ONE}
    assert set(numeric_keys()) - OTHERWISE_CHECKED == ruled
    assert not set(rules._POSITIVE) & set(rules._NOT_NEGATIVE)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1])
@pytest.mark.parametrize("key", sorted(set(numeric_keys()) - OTHERWISE_CHECKED))
def test_what_is_no_number_and_what_is_negative_never_pass(key, bad):
    value = [bad] if isinstance(value_of(key), list) else bad
    with pytest.raises(BenchError) as refusal:
        check(changed(key, value))
    assert refusal.value.problem.startswith(f"{key}={value} must be ")


@pytest.mark.parametrize("key", rules._POSITIVE)
def test_zero_of_what_has_to_be_positive(key):
    is_list = isinstance(value_of(key), list)
    with pytest.raises(BenchError, match="each positive" if is_list else "must be positive"):
        check(changed(key, [1, 0] if is_list else 0))


@pytest.mark.parametrize("key", [*rules._NOT_NEGATIVE, *rules._FRACTIONS])
def test_zero_of_what_may_be_nothing(key):
    check(changed(key, 0))


@pytest.mark.parametrize("key", rules._AT_MOST_ONE)
def test_one_is_the_largest_part(key):
    check(changed(key, 1.0))
    with pytest.raises(BenchError, match=r"=1\.0001 must be at most 1"):
        check(changed(key, 1.0001))


def test_an_average_that_never_moves_is_refused():
    check(changed("training.ema_decay", 0.9999))
    with pytest.raises(BenchError, match=r"training\.ema_decay=1\.0 must be below 1"):
        check(changed("training.ema_decay", 1.0))


@pytest.mark.parametrize(
    ("key", "typo", "mend"),
    [
        ("dtype", "float46", "'float64'"),
        ("training.optimizer", "sgd", "Allowed: adam, adamw."),
        ("training.schedule", "cosin", "'cosine'? Allowed: constant, cosine, plateau."),
        ("model.l_max", 2, "Allowed: 0, 1."),
        ("device", "cuda:", "'cuda:0'"),
        ("device", "CPU", "Allowed: cpu, cuda, cuda:0."),
        ("device", "cuda:-1", "'cuda:0'"),
        ("device", "cpu ", "'cpu'"),
    ],
)
def test_an_unknown_word_is_told_the_allowed_ones(key, typo, mend):
    with pytest.raises(BenchError) as refusal:
        check(changed(key, typo))
    assert refusal.value.problem == f"{key}={typo} is not known."
    assert mend in refusal.value.mend


@pytest.mark.parametrize("fermi_level", [math.nan, math.inf, -math.inf])
def test_a_fermi_level_is_a_number(fermi_level):
    model = replace(CONFIG.model, ensemble=Ensemble.constant_fermi_level, fermi_level=fermi_level)
    with pytest.raises(BenchError, match=f"model.fermi_level={fermi_level} must be finite"):
        check(replace(CONFIG, model=model))


@pytest.mark.parametrize("fermi_level", [0.0, -4.5])
def test_a_fermi_level_goes_with_its_ensemble_even_where_it_is_zero(fermi_level):
    model = replace(CONFIG.model, fermi_level=fermi_level)
    with pytest.raises(BenchError, match=f"fermi_level={fermi_level} eV has no effect") as refusal:
        check(replace(CONFIG, model=model))
    assert "model.ensemble=constant_fermi_level" in refusal.value.mend
    held = replace(model, ensemble=Ensemble.constant_fermi_level)
    check(replace(CONFIG, model=held))


def test_a_results_folder_is_looked_for_and_not_made(tmp_path):
    check_writable(tmp_path / "a" / "b" / "c")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("deeper", ["", "x", "x/y"])
def test_a_file_in_the_way_is_named(tmp_path, deeper):
    blocker = tmp_path / "taken"
    blocker.touch()
    with pytest.raises(BenchError) as refusal:
        check_writable(blocker / deeper)
    assert f"{blocker} is not a folder" in refusal.value.problem
    assert f"results_dir={blocker / deeper} " in refusal.value.problem
    assert "results_dir=FOLDER" in refusal.value.mend


def test_a_folder_that_may_not_be_written_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path)
    with pytest.raises(BenchError, match=f"{tmp_path} is not writable"):
        check_writable(tmp_path / "runs")


def test_the_default_is_allowed():
    check(RunConfig(model=CONFIG.model, system=CONFIG.system))
