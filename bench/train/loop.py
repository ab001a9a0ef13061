"""One training loop for every point and every mode."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterator
from itertools import islice

import ase
import torch
from rich.console import Console

from bench.config.schema import Mode, RunConfig
from bench.data.batch import Batch, make_loader
from bench.data.dataset import Dataset
from bench.data.groups import state_groups
from bench.errors import BenchError, Diverged
from bench.labels.quantities import CHARGE_DIFFERENCE, QUANTITIES, errors
from bench.models.base import Point, Unrolling
from bench.signals import Interrupted, InterruptFlag, interruptible
from bench.storage import write_csv
from bench.train.checkpoint import Position, TrainingState, load_best
from bench.train.clipping import clip_gradients, gradient_norm
from bench.train.files import TrainingFiles
from bench.train.log import Row, error_column, lines
from bench.train.losses import STABILITY, squared_errors, stable_range, weighted_loss
from bench.train.optimizer import average_weights, make_optimizer
from bench.train.progress import TrainingProgress
from bench.train.schedule import (
    LearningRate,
    Stage,
    budget,
    make_stages,
    stage_of,
    validation_steps,
)
from bench.train.sums import ErrorSums, ScfSums
from bench.train.targets import (
    allowed_losses,
    check_reference_density,
    check_stability_loss,
    choose_losses,
    mode_of,
    refuse_fixed_fermi_level,
)

SAVE_INTERVAL = 60.0  # s between checkpoints where validations are further apart
DIVERGED_AT = 1e6  # times the first loss of the stage: a thousand times its errors
HELD_OUT = 10  # without a validation split every tenth group of the training set validates


def train(
    model: Point,
    dataset: Dataset,
    config: RunConfig,
    files: TrainingFiles,
    console: Console,
    *,
    on_row: Callable[[Row], object] = lambda row: None,
    asked: Collection[str] = (),
) -> None:
    """Train ``model``; it leaves with the averaged weights of its best validation.

    Goes on from the last checkpoint where there is one: the end is then the same, on CPU in float64
    bit for bit, as without a stop.

    Args:
        model: a point as it was built.
        dataset: with splits train and valid.
        config: of the run.
        files: where checkpoints and log are written.
        console: for the progress.
        on_row: called with the log's row of each validation once everything of it is written.
        asked: names of losses whose weight was typed: refused where the data lack their label.

    Raises:
        BenchError: no label for a loss that was asked for; a checkpoint of another model.
        Diverged: the loss is no finite number or has grown beyond bounds.
        Interrupted: by SIGINT or SIGTERM, after saving the checkpoint.
    """
    trainer = Trainer(model, dataset, config, files, console, on_row, asked)
    with interruptible() as flag:
        trainer.run(flag)


def training_frames(dataset: Dataset) -> tuple[dict[str, list[ase.Atoms]], str]:
    """Structures to train and to validate on, and a note where they are not the dataset's splits.

    Without a validation split every tenth group of the training set is held out, in the order in
    which the groups first appear.

    Raises:
        BenchError: the training set has one group only.
    """
    frames, valid = dataset.frames["train"], dataset.frames["valid"]
    if valid:
        return {"train": frames, "valid": valid}, ""
    groups = list(dict.fromkeys(str(atoms.info["group"]) for atoms in frames))
    if len(groups) < 2:
        raise BenchError(
            f"{dataset.name}: no structure has split=valid, and the training set is one group.",
            "Add structures of other geometries with split=valid.",
        )
    held = set(groups[::HELD_OUT])
    split = {
        "train": [atoms for atoms in frames if str(atoms.info["group"]) not in held],
        "valid": [atoms for atoms in frames if str(atoms.info["group"]) in held],
    }
    return split, (
        f"{dataset.name} has no validation split: {len(held)} of {len(groups)} training groups "
        f"({len(split['valid'])} structures) are held out to validate on"
    )


class Trainer:
    """A run's training between the start or the last checkpoint and its end.

    Args:
        model: as it was built.
        dataset: with splits train and valid.
        config: of the run.
        files: where checkpoints and log are written.
        console: for the progress.
        on_row: called with each row of the log.

    Attributes:
        steps: of the optimiser, in all.
        validations: how many of them are made when it validates.
        stages: which steps train in which mode.
        state: everything that a checkpoint keeps.
    """

    def __init__(
        self,
        model: Point,
        dataset: Dataset,
        config: RunConfig,
        files: TrainingFiles,
        console: Console,
        on_row: Callable[[Row], object],
        asked: Collection[str] = (),
    ) -> None:
        refuse_fixed_fermi_level(config.model)
        frames, note = training_frames(dataset)
        l_max, train_frames = config.model.l_max, dataset.frames["train"]
        training, why = mode_of(config.training, model, train_frames, l_max=l_max)
        self._notes = [line for line in (note, why) if line]
        self._config, self._files, self._console = config, files, console
        self._on_row = on_row
        size, settings = training.batch_size, model.graph_settings
        self._losses = choose_losses(
            training.loss,
            allowed_losses(model),
            frames,
            asked=asked,
            l_max=l_max,
            batch_size=size,
        )
        self._spreads = model.facts.spreads
        self._factors = self._losses.factors(self._spreads)
        self._derivatives = {
            f"compute_{name}": name in self._losses.weights
            for name, quantity in QUANTITIES.items()
            if quantity.on_request
        }
        self._unrolling = Unrolling(training.unrolled_steps, training.unrolled_mixing)
        self._stable = stable_range(config.model.mixing)
        self._device = next(model.parameters()).device
        generator = torch.Generator().manual_seed(config.seed)
        compared = CHARGE_DIFFERENCE.name in self._factors
        # half a batch, so that no step sees one geometry alone
        states = max(2, size // 2) if compared else 0
        self._loader = make_loader(
            frames["train"], settings, batch_size=size, generator=generator, together=states
        )
        whole = max([size, *map(len, state_groups(frames["valid"]))])  # every difference counts
        self._valid_loader = make_loader(
            frames["valid"], settings, batch_size=whole, together=whole if compared else 0
        )
        self.steps = budget(training, len(self._loader))
        self.validations = validation_steps(self.steps, training.validations)
        self.stages = make_stages(training, model.recommended, self.validations)
        modes = {stage.mode for stage in self.stages}
        self._direct = bool(model.modes) and Mode.direct in modes
        check_reference_density(config.model, self._direct, dataset.frames)
        self.state = TrainingState(
            model=model,
            average=average_weights(model, training.ema_decay),
            optimizer=make_optimizer(model, training),
            rate=LearningRate(training, self.steps),
            generator=generator,
            position=Position(),
            order=generator.get_state(),
        )

    def run(self, flag: InterruptFlag) -> None:
        """Train to the end; see ``train``."""
        state = self.state
        torch.manual_seed(self._config.seed)  # whatever was drawn before must not matter
        resumed = self._files.last.is_file()
        if resumed:
            state.load(self._files.last)
            self._write_log()
        self._announce(resumed)
        shown = TrainingProgress(
            self._console, steps=self.steps, losses=self._factors, done=state.position.step
        )
        batches = self._batches()
        with shown as progress:
            while not state.position.stopped:
                self._interval(batches, flag, progress)
        if not math.isfinite(state.position.best_loss):
            raise Diverged("the validation loss was never a finite number")
        load_best(state.model, self._files.best)
        self._say(f"training ended after step {state.position.step}: {state.position.stopped}")

    def _say(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, highlight=False, markup=False)

    def _announce(self, resumed: bool) -> None:
        """Say once what is trained on what, and which losses do not act."""
        losses, position = self._losses, self.state.position
        told = [*self._notes]
        told.append("losses: " + ", ".join(f"{k} {w:g}" for k, w in losses.weights.items()))
        told.append(f"in units of how labels vary: {', '.join(self._units())}")
        told += [f"no loss on {name}: {why}" for name, why in losses.dropped.items()]
        told += [f"{name} is a label of {number}" for name, number in losses.partial.items()]
        asleep = [n for n, q in QUANTITIES.items() if q.needs_solution and n in losses.weights]
        if self._direct and asleep:
            told.append(f"no loss on {', '.join(asleep)} in direct steps: the density is given")
        if self.state.model.modes:
            told.append("self-consistency: " + ", ".join(map(str, self.stages)))
        if resumed:
            told.append(f"resuming after step {position.step}")
        for line in told:
            self._say(line)

    def _units(self) -> list[str]:
        """The spread of everything that a loss acts on."""
        return [
            f"{part.label} {part.factor * self._spreads[name]:.3g} {part.unit}"
            for name, part in errors().items()
            if name in self._factors
        ]

    def _batches(self) -> Iterator[Batch]:
        """Without end, from where the run is: pass after pass over the training set."""
        state = self.state
        while True:
            yield from islice(self._loader, state.position.batch, None)
            state.position.batch, state.order = 0, state.generator.get_state()

    def _interval(
        self, batches: Iterator[Batch], flag: InterruptFlag, progress: TrainingProgress
    ) -> None:
        """The steps up to the next validation, and that."""
        position = self.state.position
        done = len(position.rows)
        start, stop = [0, *self.validations][done : done + 2]
        stage = self.stages[stage_of(self.stages, start)]
        if position.step == start == stage.start:
            position.start_stage()
            self.state.rate.reset()
        self._mark = saved = time.perf_counter()
        for batch in islice(batches, stop - position.step):
            self.step(batch.to(self._device), stage.mode)
            position.finish_step()
            progress.step()
            if flag or time.perf_counter() - saved > SAVE_INTERVAL:
                self._save()
                saved = time.perf_counter()
            self._raise_if(flag)
        progress.validation(self._validation(stage))
        self._raise_if(flag)

    def _raise_if(self, flag: InterruptFlag) -> None:
        if flag:
            position = self.state.position
            raise Interrupted(
                f"{flag.signal} after step {position.step}: saved in {self._files.last}. The same "
                "command resumes."
            )

    def step(self, batch: Batch, mode: Mode) -> None:
        """One step of the optimiser, which the state's position does not count."""
        state, training = self.state, self._config.training
        position, optimizer = state.position, state.optimizer
        for group in optimizer.param_groups:
            group["lr"] = state.rate.at(position.step + 1)
        state.model.train()
        prediction = state.model(
            batch,
            mode=mode,
            training=True,
            unrolling=self._unrolling,
            **self._derivatives,
            report_response=STABILITY in self._losses.weights,
        )
        check_stability_loss(self._losses.weights, prediction.scf)
        squares = squared_errors(prediction, batch, stable_range=self._stable)
        loss = weighted_loss(squares, self._factors)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        norm = gradient_norm(state.model.parameters()).item()
        self._check_divergence(loss.item(), norm, batch)
        limit = position.norms.limit(training.clip_gradient)
        clip_gradients(state.model.parameters(), norm, limit)
        position.norms.add(norm)
        optimizer.step()
        state.average.update_parameters(state.model)
        position.errors.add(squares)
        position.scf.add(prediction.scf)

    def _check_divergence(self, loss: float, norm: float, batch: Batch) -> None:
        """Stop before a step that would spoil the weights.

        Raises:
            Diverged: with the numbers and where.
        """
        position = self.state.position
        first = loss if position.first_loss is None else position.first_loss
        position.first_loss = first
        if math.isfinite(loss) and math.isfinite(norm) and loss <= DIVERGED_AT * first:
            return
        where = ", ".join(str(int(i)) for i in batch.index)
        raise Diverged(
            f"loss {loss:.3g} with gradient norm {norm:.3g} in step {position.step + 1} "
            f"(training structures {where}); the first loss was {first:.3g}. "
            "A lower training.learning_rate or training.clip_gradient may help."
        )

    def _validation(self, stage: Stage) -> Row:
        """Validate, note the best weights, log and save."""
        state, position = self.state, self.state.position
        found, scf = self.validate()
        valid_loss = found.loss(self._factors)
        self._count_seconds()
        row = self._row(stage, found, scf)
        position.finish_validation(row)
        if position.observe(valid_loss):
            state.save_best(self._files.best)
        state.rate.observe(valid_loss)
        position.stopped = self._reason_to_stop(row)
        state.save(self._files.last)
        self._write_log()
        self._on_row(row)
        return row

    def validate(self) -> tuple[ErrorSums, ScfSums]:
        """Errors of the averaged weights with converged densities, whatever the training mode:
        the mismatch of direct training has to show."""
        found, scf = ErrorSums(), ScfSums()
        model = self.state.average.module
        model.eval()
        for batch in self._valid_loader:
            batch = batch.to(self._device)
            prediction = model(batch, mode=Mode.implicit, **self._derivatives, report_response=True)
            found.add(squared_errors(prediction, batch, stable_range=self._stable))
            scf.add(prediction.scf)
        return found, scf

    def _row(self, stage: Stage, found: ErrorSums, scf: ScfSums) -> Row:
        position, factors = self.state.position, self._factors
        solved = scf.solves > 0
        return {
            "step": position.step,
            "epoch": position.step / len(self._loader),
            "mode": stage.mode.value if self.state.model.modes else None,
            "train_loss": position.errors.loss(factors),
            "valid_loss": found.loss(factors),
            **{error_column(name): found.rmse(name) for name in errors()},
            "scf_iterations": scf.mean_iterations,
            "scf_unconverged": scf.unconverged if solved else None,
            "scf_response_max": scf.response_max if math.isfinite(scf.response_max) else None,
            "train_scf_unconverged": position.scf.unconverged if position.scf.solves else None,
            "learning_rate": self.state.optimizer.param_groups[0]["lr"],
            "seconds": position.recent_seconds,
        }

    def _reason_to_stop(self, row: Row) -> str:
        """Why the run is over after this validation; empty while it goes on."""
        training, position = self._config.training, self.state.position
        patience, last = training.early_stop_patience, self.stages[-1]
        if position.step >= self.steps:
            return f"{self.steps} steps"
        if position.step > last.start and 0 < patience <= position.waited:
            return f"no lower validation loss in {patience} validations"
        if 0 < 60.0 * training.time_limit < position.seconds + float(row["seconds"] or 0.0):
            return f"the steps to the next validation would pass {training.time_limit:g} min"
        return ""

    def _count_seconds(self) -> None:
        now = time.perf_counter()
        self.state.position.recent_seconds += now - self._mark
        self._mark = now

    def _save(self) -> None:
        self._count_seconds()
        self.state.save(self._files.last)

    def _write_log(self) -> None:
        write_csv(self._files.log, lines(self.state.position.rows))
