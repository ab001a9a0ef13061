"""Learning curves: exponents of made-up errors, and where the card and its page say them."""

import numpy as np
import pandas as pd
import pytest
import yaml

from bench.reference.build import build
from bench.reference.describe import describe
from bench.reference.learning import learning_curves
from bench.reference.store import Store
from bench.runs.collection import Collection
from tests.reference.planned import made_up_label, slab

DATA, SYSTEM, WHOLE = "abc", "al_water", 100


def collection(rows, data=DATA, longer=()):
    """Runs of (model, changed, {(name, subset): value}), and others of a longer preset."""
    runs, metrics = [], []
    for number, (model, changed, values) in enumerate([*rows, *longer]):
        run, preset = f"run{number}", "quick" if number < len(rows) else "standard"
        runs.append((run, SYSTEM, model, preset, changed, "done", data))
        metrics += [(run, name, subset, value, "meV/Å") for (name, subset), value in values.items()]
    columns = ["run", "system", "model", "preset", "changed", "status", "data_checksum"]
    names = ["run", "name", "subset", "value", "unit"]
    return Collection(
        pd.DataFrame(runs, columns=columns).set_index("run"), pd.DataFrame(metrics, columns=names)
    )


def power_law(exponent, *, name="forces_rmse", subset="all", noise=(0.0,) * 6):
    """Two models on three sizes, one twice as good."""
    cells = [(m, n) for m in ("a", "b") for n in (25, 50, WHOLE)]
    return [
        (
            model,
            "" if size == WHOLE else f"system.train_size={size}",
            {(name, subset): (1 + (model == "b")) * np.exp(more) * size**exponent},
        )
        for (model, size), more in zip(cells, noise)
    ]


def test_the_exponent_is_that_of_the_errors():
    (row,) = learning_curves(collection(power_law(-0.5)), SYSTEM, DATA, WHOLE)
    assert row["percent_per_doubling"] == pytest.approx(100 * (0.5**0.5 - 1), rel=1e-2)
    assert row["standard_error"] == pytest.approx(0.0, abs=1e-6)
    assert row["error_at_largest"] == pytest.approx(0.15)
    told = [
        row[key] for key in ("error", "subset", "unit", "models", "runs", "smallest", "largest")
    ]
    assert told == ["forces_rmse", "all", "meV/Å", 2, 6, 25, WHOLE]


def test_a_preset_with_one_size_says_nothing_and_one_with_several_has_its_own_height():
    rows = power_law(-0.5)
    longer = [(m, c, {k: v / 3 for k, v in values.items()}) for m, c, values in power_law(-0.5)]
    (alone,) = learning_curves(collection(rows), SYSTEM, DATA, WHOLE)
    whole = [row for row in longer if not row[1]]
    assert learning_curves(collection(rows, longer=whole), SYSTEM, DATA, WHOLE) == [alone]
    (both,) = learning_curves(collection(rows, longer=longer), SYSTEM, DATA, WHOLE)
    assert both["percent_per_doubling"] == alone["percent_per_doubling"] and both["runs"] == 12


def test_the_standard_error_is_that_of_a_straight_line():
    noise = np.array([0.1, -0.2, 0.1, 0.0, 0.0, 0.0])
    (row,) = learning_curves(collection(power_law(0.0, noise=noise)), SYSTEM, DATA, WHOLE)
    steps = np.tile([-1.0, 0.0, 1.0], 2) * np.log(2.0)  # the noise is orthogonal to the line
    by_hand = np.sqrt(noise @ noise / (6 - 2 - 1) / (steps @ steps)) * np.log(2.0)
    assert row["percent_per_doubling"] == pytest.approx(0.0, abs=1e-9)
    assert row["standard_error"] == pytest.approx(100 * by_hand, rel=5e-3)


def test_the_largest_gain_comes_first():
    rows = power_law(-0.2, subset="interface") + power_law(-0.9, subset="large_cell")
    found = learning_curves(collection(rows), SYSTEM, DATA, WHOLE)
    assert [row["subset"] for row in found] == ["large_cell", "interface"]


@pytest.mark.parametrize(
    "rows",
    [
        power_law(-0.5, name="forces_mae"),
        [(model, f"{changed} seed=1", values) for model, changed, values in power_law(-0.5)],
        power_law(-0.5)[:3],  # three runs fit two numbers: no error of the fit worth telling
        [row for row in power_law(-0.5) if row[1] == ""],
    ],
)
def test_what_says_nothing_of_the_size_is_left_out(rows):
    assert learning_curves(collection(rows), SYSTEM, DATA, WHOLE) == []


def test_runs_on_other_data_say_nothing():
    assert learning_curves(collection(power_law(-0.5), data="old"), SYSTEM, DATA, WHOLE) == []
    assert learning_curves(collection(power_law(-0.5)), "pt_water", DATA, WHOLE) == []


@pytest.fixture
def store(tmp_path):
    """A system of one structure, built."""
    made = Store(tmp_path / SYSTEM)
    made.write_plan([slab("al0000"), slab("al0001", "g1")])
    made.write_label(made_up_label(slab("al0000")))
    theory = "code functional pseudopotentials basis cutoff k_points electronic_temperature"
    about = {"system": SYSTEM, "title": "Al", "labels": {}, "notes": []}
    about["level_of_theory"] = dict.fromkeys(theory.split(), "as usual")
    (made.folder / "about.yaml").write_text(yaml.safe_dump(about))
    build(made)
    return made


def test_the_picture_is_of_what_has_a_label(store, monkeypatch):
    shown = []
    monkeypatch.setattr("bench.reference.describe.draw_structure", lambda *a: shown.append(a[0]))
    store.write_plan([*store.plan(), slab("al0002") + slab("al0002")])  # planned, and larger
    describe(store.folder.parent)
    assert [atoms.info["uid"] for atoms in shown] == ["al0000"]


def test_card_and_page_say_where_more_data_help(store, monkeypatch):
    monkeypatch.setattr("bench.reference.describe.dataset_checksum", lambda system: DATA)
    rows = [(m, c or f"system.train_size={WHOLE}", v) for m, c, v in power_law(-0.5)]
    page = describe(store.folder.parent, collection(rows)).read_text()
    assert "| forces_rmse | all | 0.15 meV/Å | -29 ± 0 % |" in page
    assert "(6 runs of 2 models" in page
    path = store.folder / "card.yaml"
    card = yaml.safe_load(path.read_text())
    assert card["learning_curves"][0]["percent_per_doubling"] == -29.3
    build(store)  # the same data
    assert yaml.safe_load(path.read_text()) == card
    assert describe(store.folder.parent).read_text() == page
    store.write_label(made_up_label(slab("al0001", "g1")))
    build(store)
    assert "learning_curves" not in yaml.safe_load(path.read_text())
