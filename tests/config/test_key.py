"""What is known of a key: its range in words, and what is refused at the edges of it."""

import math
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum

import pytest

from bench.config.compose import compose
from bench.config.key import Key, check, entries, key, keys_in
from bench.config.schema import BACKBONE, Axes, ModelConfig, RunConfig, Solver
from bench.errors import BenchError
from bench.labels.quantities import QUANTITIES

CONFIG = compose(["model=scf_qeq", "system=pt_water"])
ENTRIES = {entry.name: entry for entry in entries(CONFIG)}


def is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


NUMBERS = {
    name: entry
    for name, entry in ENTRIES.items()
    if is_number(entry.value) or (isinstance(entry.value, list) and is_number(entry.value[0]))
}
RANGES = {name: entry for name, entry in NUMBERS.items() if not entry.key.choices}


def changed(name, value):
    """The configuration with one key set, whatever its type."""
    *parents, last = name.split(".")
    nodes = [CONFIG]
    for parent in parents:
        nodes.append(getattr(nodes[-1], parent))
    new = replace(nodes.pop(), **{last: value})
    while nodes:
        new = replace(nodes.pop(), **{parents.pop(): new})
    return new


def refusal(name, value):
    entry = ENTRIES[name]
    with pytest.raises(BenchError) as refused:
        check(changed(name, [value] if isinstance(entry.value, list) else value))
    return refused.value


# The schema


def test_every_key_says_what_it_means_and_every_number_what_it_may_be():
    for name, entry in ENTRIES.items():
        assert entry.key.meaning, name
        assert len(entry.key.meaning) < 60 and not entry.key.meaning.endswith("."), name
    assert all(entry.key.allowed for entry in NUMBERS.values())


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("model.r_max", "Å"),
        ("model.smearing_width", "Å"),
        ("model.feature_widths", "Å"),
        ("model.fermi_level", "eV"),
        ("model.tolerance", "e"),
        ("training.time_limit", "min"),
    ],
)
def test_keys_of_physical_dimension_have_units(name, unit):
    assert ENTRIES[name].key.unit == unit


def test_weights_of_losses_have_no_unit_and_every_quantity_has_one():
    """Errors count in units of how much their label varies."""
    weights = {n: e.key for n, e in ENTRIES.items() if n.startswith("training.loss.")}
    assert {f"training.loss.{name}" for name in QUANTITIES} <= set(weights)
    assert not any(key.unit for key in weights.values())


def test_every_option_of_a_model_stands_in_a_group():
    assert keys_in(ModelConfig, "") == frozenset()
    assert keys_in(ModelConfig, BACKBONE) >= {"r_max", "radial_mlp"}
    assert "l_max" not in keys_in(ModelConfig, BACKBONE)


def test_entries_are_the_keys_one_can_type_in_order():
    names = list(ENTRIES)
    first = names.index("model.axes.density")
    assert names[first : first + 4] == [f"model.axes.{item.name}" for item in fields(Axes)]
    assert names[-1] == "wandb" and not any(is_dataclass(e.value) for e in ENTRIES.values())
    assert ENTRIES["model.solver"].key.allowed == ", ".join(solver.name for solver in Solver)


def test_the_default_is_allowed():
    check(RunConfig(model=CONFIG.model, system=CONFIG.system))


# Values at the edges


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", sorted(RANGES))
def test_what_is_no_number_never_passes(name, bad):
    shown = [bad] if isinstance(ENTRIES[name].value, list) else bad
    assert refusal(name, bad).problem.startswith(f"{name}={shown} must be ")


@pytest.mark.parametrize("name", sorted(RANGES))
def test_bounds_hold_from_both_sides(name):
    known, is_list = ENTRIES[name].key, isinstance(ENTRIES[name].value, list)
    for bound, beyond in ((known.least, -1), (known.most, 1)):
        if bound is not None:
            check(changed(name, [bound] if is_list else bound))
            assert "must be" in refusal(name, bound + 1e-4 * beyond).problem
    for bound in (known.above, known.below):
        if bound is not None:
            assert known.allowed in refusal(name, bound).problem
    assert refusal(name, -1)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("model.r_max", 0, "model.r_max=0 must be positive, in Å."),
        ("model.mixing", 1.5, "model.mixing=1.5 must be positive, at most 1."),
        ("training.ema_decay", 1.0, "training.ema_decay=1.0 must be zero or more, below 1."),
        ("model.feature_widths", -3.0, "=[-3.0] must be a list of numbers, each positive, in Å."),
        ("training.time_limit", -1.0, "training.time_limit=-1.0 must be zero or more, in min."),
    ],
)
def test_a_refusal_states_range_and_unit(name, value, said):
    assert said in refusal(name, value).problem


def test_one_wrong_number_of_a_list_and_none_at_all():
    for value in ([64, 0], []):
        with pytest.raises(BenchError, match="a list of numbers, each positive"):
            check(changed("model.radial_mlp", value))


@pytest.mark.parametrize(
    ("name", "typo", "mend"),
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
def test_an_unknown_word_is_told_the_allowed_ones(name, typo, mend):
    error = refusal(name, typo)
    assert error.problem == f"{name}={typo} is not known." and mend in error.mend


@pytest.mark.parametrize("fermi_level", [math.nan, math.inf, -math.inf])
def test_a_number_without_a_range_is_finite(fermi_level):
    with pytest.raises(BenchError, match=f"model.fermi_level={fermi_level} must be finite, in eV"):
        check(changed("model.fermi_level", fermi_level))


# Keys by themselves


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({}, ""),
        ({"least": 0}, "zero or more"),
        ({"least": 6}, "6 or more"),
        ({"above": 0, "most": 1}, "positive, at most 1"),
        ({"above": -1.5}, "above -1.5"),
        ({"least": 0, "below": 1}, "zero or more, below 1"),
        ({"most": 19}, "at most 19"),
        ({"choices": (0, 1)}, "0, 1"),
    ],
)
def test_a_range_in_words(known, words):
    assert Key("of a test", **known).allowed == words


class Colour(Enum):
    red = "red"
    blue = "blue"


@dataclass
class Inner:
    words: list[str] = key([], "words", choices=("a", "b"), optional=True)


@dataclass
class Outer:
    inner: Inner = key(Inner, "a part")
    colour: Colour = key(Colour.red, "of it")
    level: float | None = key(None, "optional", "eV", least=0)


def test_parts_enumerations_and_optional_values():
    outer = Outer()
    names = {entry.name: entry.key.allowed for entry in entries(outer)}
    assert names == {"inner.words": "a, b", "colour": "red, blue", "level": "zero or more"}
    check(outer)
    assert Outer().inner.words is not outer.inner.words
    outer.inner.words = ["b", "c"]
    with pytest.raises(BenchError, match=r"inner\.words=c is not known\.\n.*Allowed: a, b"):
        check(outer)
    with pytest.raises(BenchError, match=r"level=-1\.0 must be zero or more, in eV"):
        check(Outer(level=-1.0))
