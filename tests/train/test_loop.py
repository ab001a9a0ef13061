"""The loop on a toy point: exact resume, stages, ends and refusals."""

from __future__ import annotations

import copy
import csv
import io
import signal
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import Tensor

from bench.config.schema import Ensemble, LossWeights, Mode, ModelConfig, RunConfig
from bench.data.dataset import Dataset
from bench.errors import BenchError, Diverged
from bench.models.base import Unrolling
from bench.models.registry import build_model
from bench.signals import Interrupted
from bench.testing.frames import cluster, labelled, slab
from bench.train import loop
from bench.train.checkpoint import load_best, read_checkpoint
from bench.train.log import Row
from bench.train.loop import Trainer, train
from bench.train.targets import refuse_fixed_fermi_level
from tests.models.test_points import batch_of, build, tiny_config
from tests.train.toy import (
    ToyPoint,
    dataset,
    files,
    frames,
    measured,
    run_config,
    taught,
    train_toy,
)

# Seven structures in batches of two and three to validate on in two batches.
CALLS_PER_PASS = 4 + 2


def rows(path: Path) -> list[dict[str, str]]:
    """The log without what a clock says."""
    with files(path).log.open() as file:
        found = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if k != "seconds [s]"} for row in found]


def tensors(value: object) -> list[Tensor]:
    """Every tensor in a checkpoint, in order."""
    if isinstance(value, Tensor):
        return [value]
    children = value.values() if isinstance(value, dict) else value
    return [t for c in children if isinstance(c, Tensor | dict | list | tuple) for t in tensors(c)]


def assert_same_end(first: Path, second: Path) -> None:
    assert rows(first) == rows(second)
    a, b = files(first), files(second)
    for paths in ((a.last, b.last), (a.best, b.best)):
        pair = [tensors(read_checkpoint(path)) for path in paths]
        assert len(pair[0]) == len(pair[1]) > 0
        assert all(torch.equal(a, b) for a, b in zip(*pair))


@pytest.mark.parametrize("schedule", ["cosine", "plateau"])
@pytest.mark.parametrize(
    "stops",
    [(0,), (2,), (CALLS_PER_PASS - 3,), (CALLS_PER_PASS - 1,), (CALLS_PER_PASS + 1, 3, 7)],
    ids=["first step", "inside", "last step", "validation", "thrice"],
)
def test_stop_and_resume_equals_an_uninterrupted_run(
    tmp_path: Path, stops: tuple[int, ...], schedule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.train.schedule.PLATEAU_PATIENCE", 0)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    straight, _ = train_toy(whole, schedule=schedule)
    for stop in stops:
        torch.rand(3)  # what was drawn before a session must not matter
        with pytest.raises(Interrupted, match="The same command resumes"):
            train_toy(parts, ToyPoint(interrupt_at=stop), schedule=schedule)
    resumed, text = train_toy(parts, schedule=schedule)
    assert "resuming after step" in text
    assert_same_end(whole, parts)
    for mine, other in zip(straight.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_charge_states_stay_together_through_a_stop(tmp_path: Path) -> None:
    """Batches of pairs, drawn anew each epoch, come back in the same order."""
    data = dataset()
    for frames_of in data.frames.values():
        for k, atoms in enumerate(frames_of):
            atoms.info |= {"group": f"g{k // 2}", "total_charge": float(k % 2)}

    def session(name: str, stop: int = -1) -> str:
        model = ToyPoint(interrupt_at=stop)
        model.knows_total_charge = True
        return train_toy(tmp_path / name, model, data)[1]

    text = session("whole")
    assert "charge_difference 3" in text and "charge difference" in text.split("vary: ")[1]
    with pytest.raises(Interrupted):
        session("parts", stop=CALLS_PER_PASS + 1)
    session("parts")
    assert_same_end(tmp_path / "whole", tmp_path / "parts")
    found = rows(tmp_path / "whole")
    assert all(float(row["valid_charge_difference_rmse [eV]"]) > 0.0 for row in found)


def test_a_real_point_resumes_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = dataset()
    data.frames["train"] = [labelled(slab(), seed=s, field=(0, 0, 0.1 * s)) for s in range(3)]
    data.frames["valid"] = [labelled(slab(), seed=9)]
    config = run_config()
    config.model = tiny_config("scf_fixed_point")
    initial = build_model(config, data)

    def session(name: str) -> None:
        train_toy(tmp_path / name, copy.deepcopy(initial), data, epochs=2)

    session("whole")
    assert all(float(row["scf_response_max"]) < 1.0 for row in rows(tmp_path / "whole"))
    stop_after_steps(3, monkeypatch)  # inside the implicit stage
    with pytest.raises(Interrupted):
        session("parts")
    monkeypatch.undo()
    session("parts")
    assert_same_end(tmp_path / "whole", tmp_path / "parts")


def stop_after_steps(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send SIGINT once, after ``count`` training steps."""
    step = Trainer.step
    made: list[int] = []

    def step_and_stop(self: Trainer, *arguments: object) -> None:
        step(self, *arguments)
        made.append(1)
        if len(made) == count:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Trainer, "step", step_and_stop)


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    train_toy(tmp_path)
    before = rows(tmp_path)
    model, text = train_toy(tmp_path, ToyPoint())
    assert model.calls == [] and text.endswith("training ended after step 16: 16 steps\n")
    assert rows(tmp_path) == before and len(before) == 4


def test_rows_are_told_once_they_are_on_the_disk(tmp_path: Path) -> None:
    told: list[tuple[object, int]] = []
    console, where = Console(file=io.StringIO()), files(tmp_path)

    def tell(row: Row) -> None:
        told.append((row["step"], len(rows(tmp_path))))

    for epochs in (2, 2):  # a finished training has nothing to tell
        model, data = measured(ToyPoint(), dataset()), dataset()
        train(model, data, run_config(epochs=epochs), where, console, on_row=tell)
    assert told == [(4, 1), (8, 2)]


def test_the_steps_of_unrolled_training_reach_the_point(tmp_path: Path) -> None:
    model = Told()
    train_toy(tmp_path, model, epochs=1, unrolled_steps=3, unrolled_mixing=0.07)
    assert model.told == [Unrolling(3, 0.07)] * 4


class Told(ToyPoint):
    """Notes how it should unroll."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[object] = []

    def forward(self, batch: object, **options: object) -> object:
        if options.get("training"):
            self.told.append(options["unrolling"])
        return super().forward(batch, **options)


def test_long_intervals_are_saved_on_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SAVE_INTERVAL", 0.0)
    with pytest.raises(RuntimeError, match="power cut"):
        train_toy(tmp_path, PowerCut(after=CALLS_PER_PASS + 1))
    position = read_checkpoint(files(tmp_path).last)["position"]
    assert (position["step"], position["batch"]) == (5, 1)
    train_toy(tmp_path)
    train_toy(tmp_path / "whole")
    assert_same_end(tmp_path, tmp_path / "whole")


class PowerCut(ToyPoint):
    """Dies without saving."""

    def __init__(self, *, after: int) -> None:
        super().__init__()
        self.after = after

    def forward(self, batch: object, **options: object) -> object:
        if len(self.calls) == self.after:
            raise RuntimeError("power cut")
        return super().forward(batch, **options)


def test_training_lowers_the_loss_and_ends_with_the_best_averaged_weights(tmp_path: Path) -> None:
    data = taught(dataset())
    model, _ = train_toy(tmp_path, data=data, epochs=30, mode=Mode.implicit)
    losses = [float(row["valid_loss"]) for row in rows(tmp_path)]
    assert losses[-1] < 0.1 * losses[0]
    best = ToyPoint()
    step = load_best(best, files(tmp_path).best)
    assert losses[step // 4 - 1] == min(losses)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), best.parameters()))


def test_stages_train_in_their_mode_and_validate_in_the_converged_one(tmp_path: Path) -> None:
    model = ToyPoint()
    train_toy(tmp_path, model, epochs=4, direct_fraction=0.5)
    assert [row["mode"] for row in rows(tmp_path)] == ["direct"] * 2 + ["implicit"] * 2
    training = [mode for mode, trains in model.calls if trains]
    assert training == [Mode.direct] * 8 + [Mode.implicit] * 8
    assert {mode for mode, trains in model.calls if not trains} == {Mode.implicit}
    assert [row["scf_iterations"] for row in rows(tmp_path)] == ["3"] * 4
    assert [row["train_scf_unconverged [structures]"] for row in rows(tmp_path)] == [
        "",
        "",
        "0",
        "0",
    ]


def test_the_best_weights_are_of_the_last_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([2.0, 1.0, 9.0, 8.0])
    monkeypatch.setattr("bench.train.sums.ErrorSums.loss", fake_losses(losses))
    monkeypatch.setattr("bench.train.schedule.PLATEAU_PATIENCE", 0)
    train_toy(tmp_path, epochs=4, direct_fraction=0.5, schedule="plateau", warmup_fraction=0)
    assert read_checkpoint(files(tmp_path).best)["step"] == 16
    assert {row["learning_rate"] for row in rows(tmp_path)} == {"0.02"}  # 9 is no plateau of 1


def fake_losses(losses: object) -> object:
    """Each validation asks for its loss twice and for the training loss in between."""
    state = {"calls": 0, "now": 0.0}

    def loss(self: object, weights: object) -> float:
        if state["calls"] % 3 == 0:
            state["now"] = next(losses)
        state["calls"] += 1
        return state["now"]

    return loss


def test_early_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([5.0, 4.0, 3.0, 3.5, 3.6, 2.0])
    monkeypatch.setattr("bench.train.sums.ErrorSums.loss", fake_losses(losses))
    _, text = train_toy(tmp_path, epochs=6, early_stop_patience=2, direct_fraction=0.1)
    assert text.endswith(
        "training ended after step 20: no lower validation loss in 2 validations\n"
    )


def test_time_limit(tmp_path: Path) -> None:
    _, text = train_toy(tmp_path, epochs=50, time_limit=1e-9)
    assert "after step 4: the steps to the next validation would pass 1e-09 min" in text


def test_nan_is_divergence_and_spoils_nothing(tmp_path: Path) -> None:
    with pytest.raises(Diverged, match=r"loss nan .* step 6 \(training structures"):
        train_toy(tmp_path, ToyPoint(poison_at=CALLS_PER_PASS + 1))
    assert len(rows(tmp_path)) == 1
    saved = tensors(read_checkpoint(files(tmp_path).last)["model"])
    assert all(t.isfinite().all() for t in saved)


def test_an_exploding_loss_is_divergence(tmp_path: Path) -> None:
    options = {"learning_rate": 1e6, "schedule": "constant", "warmup_fraction": 0}
    with pytest.raises(Diverged, match=r"step 2 .*learning_rate"):
        train_toy(tmp_path, mode=Mode.implicit, **options)


def test_a_validation_that_is_never_finite_is_divergence(tmp_path: Path) -> None:
    data = dataset()
    for atoms in data.frames["valid"]:
        atoms.positions[:] = torch.nan
        atoms.info["REF_energy"] = float("nan")
    with pytest.raises(Diverged, match="validation loss was never a finite number"):
        train_toy(tmp_path, NoEdges(), data)
    assert len(rows(tmp_path)) == 4


class NoEdges(ToyPoint):
    """Knows positions of single atoms only."""

    def energy(self, batch: object, positions: Tensor) -> Tensor:
        return batch.per_structure(positions.square().sum(1)) * self.heights.sum()


def test_without_a_validation_split_groups_are_held_out(tmp_path: Path) -> None:
    data = dataset(train=14, valid=0)
    for i, atoms in enumerate(data.frames["train"]):
        atoms.info["group"] = f"g{i // 2}"
    trainer = Trainer(measured(ToyPoint(), data), data, run_config(), files(tmp_path), None, print)
    split, note = loop.training_frames(data)
    assert "1 of 7 training groups (2 structures) are held out" in note
    groups = [{a.info["group"] for a in split[name]} for name in ("train", "valid")]
    assert groups[1] == {"g0"} and not groups[0] & groups[1]
    assert len(trainer._loader.dataset) == 12 and len(trainer._valid_loader.dataset) == 2
    _, text = train_toy(tmp_path, data=data)
    assert note in text


def test_a_single_group_cannot_validate() -> None:
    data = dataset(train=1, valid=0)
    with pytest.raises(BenchError, match="the training set is one group"):
        loop.training_frames(data)


@pytest.mark.parametrize("name", ["scf_qeq", "scf_fixed_point"])
def test_potentials_and_polarisabilities_are_learned(tmp_path: Path, name: str) -> None:
    """A point is asked for the derivatives that its losses need, and improves in them."""
    data, teacher = dataset(), build(name)
    data.frames["train"] = data.frames["valid"] = [slab(), cluster()]
    for atoms in data.frames["train"]:
        truth = teacher(batch_of(teacher, atoms), compute_polarizability=True)
        atoms.arrays["REF_multipoles"] = truth.multipoles.numpy()
        atoms.info["REF_polarizability"] = truth.polarizability[0].numpy()
    config = run_config()
    config.model = tiny_config(name)
    others = dict.fromkeys(
        ("energy", "forces", "multipoles", "dipole", "total_charge", "fermi_level"), 0.0
    )
    weights = LossWeights(**others, electrostatic_potential=0.1, polarizability=1.0)
    options = {"loss": weights, "epochs": 25, "ema_decay": 0.5, "mode": Mode.implicit}
    _, text = train_toy(tmp_path, build_model(config, data), data, **options)
    assert "polarizability is a label of 2 of 2 training structures" in text
    found = rows(tmp_path)
    assert float(found[-1]["valid_loss"]) < 0.5 * float(found[0]["valid_loss"])
    for column in ("valid_potential_rmse [V]", "valid_polarizability_rmse [e Å²/V]"):
        assert all(float(row[column]) > 0.0 for row in found)


def test_direct_steps_say_what_they_do_not_teach(tmp_path: Path) -> None:
    data, config = dataset(), run_config()
    data.frames["train"] = data.frames["valid"] = [slab(), cluster()]
    config.model = tiny_config("scf_qeq")
    weights = LossWeights(electrostatic_potential=0.1)
    options = {"loss": weights, "epochs": 1, "mode": Mode.direct}
    _, text = train_toy(tmp_path, build_model(config, data), data, **options)
    assert "no loss on polarizability, electrostatic_potential in direct steps" in text


@pytest.mark.parametrize("mode", [Mode.direct, Mode.staged])
def test_direct_training_needs_a_reference_density(tmp_path: Path, mode: Mode) -> None:
    data = dataset()
    del data.frames["train"][2].arrays["REF_multipoles"]
    options = {"mode": mode, "loss": LossWeights(multipoles=0.0)}
    with pytest.raises(BenchError, match=r"direct training needs REF_multipoles.*index 2") as error:
        train_toy(tmp_path, ToyPoint(), data, **options)
    assert "training.mode=implicit" in error.value.mend
    train_toy(tmp_path, ToyPoint(), data, **{**options, "mode": Mode.implicit})


def test_a_fixed_fermi_level_is_for_calculators(tmp_path: Path) -> None:
    model = ModelConfig(ensemble=Ensemble.constant_fermi_level, fermi_level=-4.0)
    with pytest.raises(BenchError, match="given total charge") as error:
        refuse_fixed_fermi_level(model)
    assert "chemical_potential=EV" in error.value.mend


def test_dropped_losses_are_said_once(tmp_path: Path) -> None:
    _, text = train_toy(tmp_path, loss=LossWeights(fermi_level=1.0))
    assert text.count("no loss on fermi_level: this point cannot be trained on it") == 1
    assert "losses: energy" in text and "self-consistency: steps 1 to 4 direct" in text


def without(key: str) -> Dataset:
    data = dataset()
    for atoms in data.frames["train"] + data.frames["valid"]:
        del atoms.arrays[key]
    return data


def test_a_label_that_was_asked_for_and_is_nowhere_is_refused_before_any_step(
    tmp_path: Path,
) -> None:
    model = ToyPoint()
    with pytest.raises(BenchError, match="but no training structure has one"):
        train_toy(tmp_path, model, without("REF_forces"), loss=LossWeights(forces=1.0))
    assert not model.calls


def test_a_set_without_multipoles_trains_on_what_it_has(tmp_path: Path) -> None:
    """Without a word of the user: no multipole loss, and no direct steps."""
    _, text = train_toy(tmp_path, ToyPoint(), without("REF_multipoles"))
    assert "no loss on multipoles: no training structure has one" in text
    assert "training.mode=auto is implicit: direct steps need REF_multipoles" in text
    assert "self-consistency: steps 1 to 16 implicit" in text


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    train_toy(tmp_path)
    other = ToyPoint()
    other.extra = torch.nn.Parameter(torch.zeros(3))
    with pytest.raises(BenchError, match="belongs to another model"):
        train_toy(tmp_path, other)


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    train_toy(tmp_path)
    files(tmp_path).last.write_bytes(b"half a file")
    with pytest.raises(BenchError, match="cannot be read"):
        train_toy(tmp_path)
    with pytest.raises(BenchError, match="does not exist"):
        load_best(ToyPoint(), tmp_path / "nowhere.pt")


def test_shuffling_depends_on_the_seed_alone(tmp_path: Path) -> None:
    def order(seed: int) -> list[list[int]]:
        config: RunConfig = run_config()
        config.seed = seed
        data = dataset(train=12)
        trainer = Trainer(measured(ToyPoint(), data), data, config, files(tmp_path), None, print)
        return [batch.index.tolist() for batch in trainer._loader]

    assert order(0) == order(0) != order(1)
    assert sorted(i for batch in order(0) for i in batch) == list(range(12))
    assert len(frames(12)) == 12


@pytest.mark.parametrize("structures", [2, 7, 12])
def test_a_budget_of_steps_costs_the_same_whatever_the_data(
    tmp_path: Path, structures: int
) -> None:
    """Nine steps and three validations, the stages with them, from a pass in the middle on."""
    model = ToyPoint()
    _, text = train_toy(tmp_path, model, dataset(train=structures), steps=9, validations=3)
    assert [trains for _, trains in model.calls].count(True) == 9
    assert [row["step"] for row in rows(tmp_path)] == ["3", "6", "9"]
    assert [row["mode"] for row in rows(tmp_path)] == ["direct", "implicit", "implicit"]
    batches = -(-structures // 2)
    assert [float(row["epoch"]) for row in rows(tmp_path)] == pytest.approx(
        [3 / batches, 6 / batches, 9 / batches]
    )
    assert "training ended after step 9: 9 steps" in text


@pytest.mark.parametrize("stop", [0, 3, 4, 7, 8, 9, 12], ids=lambda stop: f"call {stop}")
def test_a_stop_anywhere_between_validations_changes_nothing(tmp_path: Path, stop: int) -> None:
    """Validations that fall into the middle of a pass over the training set, too."""
    options = {"steps": 11, "validations": 4}
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train_toy(whole, **options)
    with pytest.raises(Interrupted):
        train_toy(parts, ToyPoint(interrupt_at=stop), **options)
    train_toy(parts, **options)
    assert_same_end(whole, parts)
    assert [row["step"] for row in rows(whole)] == ["3", "6", "9", "11"]


def test_every_structure_is_seen_once_in_a_pass_whatever_the_validations(tmp_path: Path) -> None:
    seen: list[int] = []

    class Seen(ToyPoint):
        def forward(self, batch: object, **options: object) -> object:
            if options.get("training"):
                seen.extend(batch.index.tolist())
            return super().forward(batch, **options)

    train_toy(tmp_path, Seen(), steps=12, validations=5)  # three passes of four batches
    assert len(seen) == 21
    for first in (0, 7, 14):
        assert sorted(seen[first : first + 7]) == list(range(7))
