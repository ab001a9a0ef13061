"""Two runs are the same run exactly when everything that decides their numbers is the same."""

import re
from dataclasses import replace

import pytest

from bench.config.compose import compose
from bench.config.schema import Wandb
from bench.paths import PACKAGE
from bench.runs.identity import canonical, code_version, identify, identity_sources, plain

DATA = "0" * 64


@pytest.fixture(autouse=True)
def same_code_and_packages(monkeypatch):
    monkeypatch.setattr("bench.runs.identity.code_version", lambda **_: "0" * 10)
    monkeypatch.setattr("bench.config.rules.find_spec", lambda name: name)  # as if wandb were there


def run_id(*overrides, data=DATA):
    return identify(compose(["preset=smoke", *overrides]), data).run_id


def test_ten_hexadecimal_digits():
    assert len(run_id()) == 10 and int(run_id(), 16) >= 0


def test_the_order_of_keys_does_not_matter():
    one = run_id("seed=3", "training.epochs=5", "model=short_range")
    other = run_id("model=short_range", "training.epochs=5", "seed=3")
    assert one == other


def test_the_notation_of_a_number_does_not_matter():
    assert run_id("training.learning_rate=0.01") == run_id("training.learning_rate=1e-2")
    assert run_id("model.r_max=4") == run_id("model.r_max=4.0")


@pytest.mark.parametrize("key", ["results_dir=elsewhere", "device=cuda", "wandb=offline"])
def test_where_and_on_what_it_runs_does_not_matter(key):
    assert run_id(key) == run_id()


@pytest.mark.parametrize(
    "key", ["model.description=other", "system.description=o", "system.path=/x"]
)
def test_wording_and_the_place_of_the_data_do_not_matter(key):
    assert run_id(key) == run_id()


CHANGES = [
    "seed=1",
    "dtype=float64",
    "model=short_range",
    "system=sio2_vacancy",
    "model.smearing_width=1.6",
    "training.mode=direct",
    "training.loss.dipole=2",
    "model.feature_widths=[3.0,1.5]",
]


def test_everything_else_does():
    ids = [run_id(), run_id(data="1" * 64), *(run_id(change) for change in CHANGES)]
    assert len(set(ids)) == len(ids)


def test_the_code_counts(monkeypatch):
    before = run_id()
    monkeypatch.setattr("bench.runs.identity.code_version", lambda **_: "0123456789")
    assert run_id() != before


SOLVE = '''"""Solves."""
from bench.density.coulomb import Maps
import math

def solve(maps: Maps, steps: int) -> float:
    """The answer."""
    if steps < 1:
        raise ValueError(f"{steps} steps")
    return math.sqrt(0.5) * steps  # because
'''


@pytest.fixture
def package(tmp_path):
    for name in ("data/dataset.py", "models/base.py", "scf/direct.py", "train/loop.py"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(f"NAME = {name!r}\n")
    (tmp_path / "scf/solve.py").write_text(SOLVE)
    return tmp_path


@pytest.mark.parametrize(
    "old, new",
    [
        ('"""Solves."""', '"""Finds the density."""'),
        ('    """The answer."""\n', ""),
        ("  # because", "  # for another reason"),
        ("steps: int) -> float", "steps: int,\n) -> float"),
        ('f"{steps} steps"', '"too few steps"'),
        ("from bench.density.coulomb", "from bench.density.maps"),
    ],
)
def test_words_and_form_of_the_code_do_not_count(package, old, new):
    before = code_version(package)
    assert old in SOLVE
    (package / "scf/solve.py").write_text(SOLVE.replace(old, new, 1))
    assert code_version(package) == before


def test_every_python_names_the_code_alike(tmp_path):
    """``ast.unparse`` writes this f-string otherwise in 3.12 than before and after."""
    (tmp_path / "scf").mkdir()
    code = """UNIT = f'{values["a"]!r:>{width}} {1e-6:.1e}'; é = -0.0, None, 'ö'"""
    (tmp_path / "scf/solve.py").write_text(code, encoding="utf-8")
    assert code_version(tmp_path) == "4484f91777"


def test_how_a_quantity_is_described_does_not_count(package):
    row = 'SPIN = Quantity("spin", "e", description="up", shown=(Part("spin", title="a"),))'
    table = package / "labels/quantities.py"
    table.parent.mkdir()
    ids = []
    for old, new in (("up", "up"), ("up", "spin up"), ('"a"', '"b"'), ('"e"', '"μ_B"')):
        table.write_text(row.replace(old, new))
        ids.append(code_version(package))
    assert ids[0] == ids[1] == ids[2] != ids[3]


@pytest.mark.parametrize(
    "old, new",
    [("0.5", "0.25"), ("steps < 1", "steps < 2"), ("ValueError", "KeyError"), ("math", "cmath")],
)
def test_what_decides_a_number_counts(package, old, new):
    before = code_version(package)
    (package / "scf/solve.py").write_text(SOLVE.replace(old, new))
    assert code_version(package) != before


def test_the_file_of_a_definition_does_not_count(package):
    before = code_version(package)
    (package / "scf/solve.py").rename(package / "scf/solver.py")
    assert code_version(package) == before
    moved = package / "models/base.py"
    moved.write_text(moved.read_text() + SOLVE)
    (package / "scf/solver.py").unlink()
    assert code_version(package) == before


@pytest.mark.parametrize("name", ["report/table.py", "cli.py", "audit/audit.py", "config/help.py"])
def test_rooms_that_decide_no_number_do_not_count(package, name):
    before = code_version(package)
    (package / name).parent.mkdir(parents=True, exist_ok=True)
    (package / name).write_text("NEW = 1\n")
    assert code_version(package) == before


# Rooms that say what is wrong, what was typed, where a class or file is: no number is theirs.
SILENT = ("config", "errors", "e3nn_import", "mace_import", "signals")
SILENT += ("storage", "console", "paths", "outside")


def test_every_room_that_training_imports_counts():
    """A new room between data and training cannot be forgotten."""
    sources = identity_sources()
    imported = {
        name
        for source in sources
        for name in re.findall(r"^from bench\.(\w+)", source.read_text(), re.MULTILINE)
    }
    counted = {path.relative_to(PACKAGE).parts[0] for path in sources}
    assert {"models", "backbone", "labels"} <= imported
    assert imported - set(SILENT) <= counted


def test_plain_types_say_the_same_as_the_command_line():
    config = compose(["training.mode=staged", "wandb=offline"])
    values = plain(config)
    assert (values["training"]["mode"], values["wandb"]) == ("staged", "offline")
    assert values["model"]["radial_mlp"] == [64, 64, 64]
    assert "wandb" not in canonical(config)
    assert canonical(replace(config, wandb=Wandb.off)) == canonical(config)
