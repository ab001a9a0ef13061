import subprocess
import sys

import pytest

from bench.evaluate.record import record
from bench.evaluate.registry import ACCURACY, CHARGE_STATES, FIELD_RESPONSE, METRICS


def test_imports_nothing_heavy() -> None:
    code = (
        "import sys, bench.evaluate.registry;"
        "print([m for m in ('torch', 'numpy', 'ase', 'scipy', 'e3nn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_names_are_unique() -> None:
    families = [*ACCURACY.values(), *FIELD_RESPONSE, *CHARGE_STATES]
    names = [name for family in families for name in family.names]
    assert len(names) == len(set(names))
    assert set(names) < set(METRICS)
    assert all(name == info.name for name, info in METRICS.items())


@pytest.mark.parametrize("info", METRICS.values(), ids=lambda info: info.name)
def test_every_metric_says_its_unit_direction_and_meaning(info) -> None:
    assert info.unit
    assert info.better in ("lower", "higher", "none")
    assert len(info.description) > 10
    assert "\n" not in info.description
    if info.name.endswith(("_mae", "_rmse")):
        assert info.better == "lower"


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("energy_rmse", "meV/atom"),
        ("forces_mae", "meV/Å"),
        ("dipole_rmse_of_mean", "e Å"),
        ("charges_std", "e"),
        ("fermi_level_mae", "eV"),
        ("dipole_slope", "e Å²/V"),
        ("charge_curvature_rmse", "eV"),
    ],
)
def test_records_take_unit_and_direction_from_it(name: str, unit: str) -> None:
    made = record(name, 1.5, n=3, ci95=(1.0, 2.0))
    assert made.to_dict() == {
        "name": name,
        "subset": "all",
        "value": 1.5,
        "unit": unit,
        "n": 3,
        "ci95": [1.0, 2.0],
        "better": METRICS[name].better,
    }


def test_an_unknown_name_and_a_nan_are_refused() -> None:
    with pytest.raises(KeyError, match="energy_rsme"):
        record("energy_rsme", 1.0, n=1)
    with pytest.raises(ValueError, match="energy_rmse of all is not finite"):
        record("energy_rmse", float("nan"), n=1)
