"""Springs whose minimum depends on the charge: where a relaxation ends, and what is said of it."""

import numpy as np
import pytest
from ase.calculators.calculator import Calculator, SCFError, all_changes

from bench.inference import relax
from bench.inference.predict import predict_frames
from bench.testing.frames import bulk
from tests.inference.test_predict import Echo

STIFFNESS = 5.0  # eV/Å²
PULL = 0.2  # Å per e along x


class Springs(Calculator):
    """½ k |r − r₀ − Q pull|² of every atom, r₀ where the first structure is."""

    implemented_properties = ["energy", "forces"]

    def __init__(self, model) -> None:
        super().__init__()
        self.model, self.start, self.calls = model, None, 0

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        self.start = atoms.positions.copy() if self.start is None else self.start
        minimum = self.start + [PULL * atoms.info["total_charge"], 0.0, 0.0]
        stretch = atoms.positions - minimum
        self.results = {
            "energy": STIFFNESS / 2 * (stretch**2).sum(),
            "forces": -STIFFNESS * stretch,
        }
        self.calls += 1
        if self.calls > self.model:
            raise SCFError("lost")


@pytest.fixture(autouse=True)
def springs(monkeypatch) -> None:
    monkeypatch.setattr(relax, "BenchCalculator", Springs)


@pytest.mark.parametrize("charge", [0.0, 2.0])
def test_it_ends_in_the_models_minimum_of_that_charge(charge) -> None:
    atoms = bulk(charge=charge)
    given = atoms.copy()
    relax.write_minimum(1000, atoms)
    assert atoms.info["PRED_relaxed_converged"] is True
    moved = atoms.arrays["PRED_relaxed_positions"] - given.positions
    expected = np.tile([PULL * charge, 0.0, 0.0], (len(atoms), 1))
    assert moved == pytest.approx(expected, abs=relax.LARGEST_FORCE / STIFFNESS)
    assert atoms.info["PRED_relaxed_energy"] == pytest.approx(0.0, abs=1e-3)
    assert np.array_equal(atoms.positions, given.positions)


def test_steps_that_run_out_are_no_minimum(monkeypatch) -> None:
    monkeypatch.setattr(relax, "MOST_STEPS", 2)
    atoms = bulk(charge=2.0)
    relax.write_minimum(1000, atoms)
    assert atoms.info["PRED_relaxed_converged"] is False
    assert np.isfinite(atoms.info["PRED_relaxed_energy"])


def test_a_density_that_gets_lost_is_no_minimum() -> None:
    atoms = bulk(charge=2.0)
    relax.write_minimum(3, atoms)
    assert atoms.info["PRED_relaxed_converged"] is False
    assert np.isnan(atoms.info["PRED_relaxed_energy"])
    assert atoms.arrays["PRED_relaxed_positions"].shape == (len(atoms), 3)


def test_predictions_relax_what_is_marked_and_nothing_else(monkeypatch) -> None:
    monkeypatch.setattr(relax, "BenchCalculator", lambda model: Springs(1000))
    frames = [bulk(charge=1.0), bulk(charge=1.0)]
    for atoms, subset in zip(frames, ("relaxed", "vacancy")):
        atoms.info["subset"] = subset
    marked, other = predict_frames(Echo(), frames, batch_size=2)
    assert marked.info["PRED_relaxed_converged"]
    assert not [key for key in (*other.info, *other.arrays) if "relaxed" in key]
