"""Which frames to label next: those that trained points disagree on and that are new.

A committee's spread tells where the data leave the models free (H. S. Seung, M. Opper,
H. Sompolinsky, COLT 1992); the distance to what is labelled keeps one region from being chosen
again and again.  Only frames of training trajectories are ranked: a test set chosen by the models'
errors would no longer be a fair sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bench.audit.neighbours import environments
from bench.errors import BenchError, nearest
from bench.inference.calculator import BenchCalculator
from bench.reference.plan import SUBSETS, Recipe, cut, read_recipe
from bench.reference.store import Store
from bench.storage import write_text

Array = NDArray[np.float64]

# What a committee may disagree on: name and unit as tables show them.
SPREADS = {"forces": "eV/Å", "dipole": "e Å", "charge_difference": "eV"}


@dataclass(frozen=True)
class States:
    """What every proposed geometry is to be calculated in.

    Attributes:
        subset: what is cut from a frame, as in a recipe.
        fields: applied fields in V/Å.
        charges: total charges in e.
        k_points: such as 2x3x1; empty for the plan's own choice.
    """

    subset: str
    fields: tuple[float, ...] = (0.0,)
    charges: tuple[int, ...] = (0,)
    k_points: str = ""

    def __post_init__(self) -> None:
        if self.subset not in SUBSETS:
            raise BenchError(f"subset={self.subset} is not known.", nearest(self.subset, SUBSETS))

    def block(self, trajectory: str, step: int) -> dict[str, Any]:
        """The block of a recipe that asks for these states of one frame."""
        block = {"trajectory": trajectory, "step": step, "subset": self.subset}
        if self.fields != (0.0,):
            block["fields"] = list(self.fields)
        if self.charges != (0,):
            block["charges"] = list(self.charges)
        if self.k_points:
            block["k_points"] = self.k_points
        return block


@dataclass
class Candidate:
    """A frame that could be labelled.

    Attributes:
        atoms: what the subset takes of the frame.
        trajectory: it comes from.
        step: of the trajectory.
        spreads: the committee's standard deviation by name and unit of ``SPREADS``; what no two
            models predict is absent.
        novelty: distance to the nearest labelled or chosen environments, averaged over atoms, in
            the units of ``environments``.
        score: what it was chosen by: spreads over their mean among the candidates, summed, times
            the novelty.
    """

    atoms: Atoms
    trajectory: str
    step: int
    spreads: dict[str, float] = field(default_factory=dict)
    novelty: float = np.inf
    score: float = 0.0


def candidates(
    recipe: Recipe,
    planned: Sequence[Atoms],
    states: States,
    load: Callable[[str], Sequence[Atoms]],
    trajectories: Sequence[str] = (),
) -> list[Candidate]:
    """Frames of training trajectories that the plan does not hold.

    Args:
        recipe: says which trajectories train.
        planned: the plan.
        states: the subset that is cut.
        load: gives the frames of a trajectory, each with ``info["step"]``.
        trajectories: only these; all that train unless given.

    Raises:
        BenchError: a trajectory that is not in the recipe or does not train; nothing is left.
    """
    training = [name for name, split in recipe.splits.items() if split == "train"]
    others = [name for name in trajectories if name not in training]
    if others:
        raise BenchError(
            f"{', '.join(others)} is no training trajectory of the recipe.",
            f"Those that are: {', '.join(training)}.",
        )
    have = {tuple(a.info.get(k) for k in ("trajectory", "step", "subset")) for a in planned}
    found = [
        Candidate(cut(frame, states.subset), name, int(frame.info["step"]))
        for name in trajectories or training
        for frame in load(name)
        if (name, int(frame.info["step"]), states.subset) not in have
    ]
    if not found:
        raise BenchError(
            "Every frame of these trajectories is in the plan.",
            "Sample new ones: bench data sample --help, and name them in recipe.yaml.",
        )
    return found


def measure_spreads(
    found: Sequence[Candidate],
    calculators: Sequence[BenchCalculator],
    states: States,
) -> Iterator[Candidate]:
    """Fill in the spreads, one candidate after the other, as they are done.

    Args:
        found: the candidates.
        calculators: at least two trained points or seeds.
        states: fields and charges that are predicted.

    Raises:
        BenchError: fewer than two calculators, an element that one of them does not know.
    """
    if len(calculators) < 2:
        raise BenchError("A committee needs two runs or more.", "runs=FOLDER,FOLDER,...")
    for candidate in found:
        answers = [_answers(calculator, candidate.atoms, states) for calculator in calculators]
        candidate.spreads = committee_spreads(answers)
        yield candidate


def _answers(calculator: BenchCalculator, atoms: Atoms, states: States) -> dict[str, Array]:
    """One model's forces [s, n, 3], dipole along open axes [s, k] and E(Q) − E(Q₀) [s]."""
    predictions = []
    for applied in states.fields:
        for charge in states.charges:
            structure = atoms.copy()
            structure.info = {"total_charge": charge, "electric_field": [0.0, 0.0, applied]}
            predictions.append(calculator.predict(structure))
    answers = {"forces": np.array([p.forces.numpy() for p in predictions if p.forces is not None])}
    open_axes = np.flatnonzero(~atoms.pbc)
    if open_axes.size and all(p.dipole is not None for p in predictions):
        dipoles = [p.dipole.numpy()[0] for p in predictions if p.dipole is not None]
        answers["dipole"] = np.array(dipoles)[:, open_axes]
    if len(states.charges) > 1 and calculator.model.knows_total_charge:
        energies = np.array([float(p.energy[0]) for p in predictions])
        by_charge = energies.reshape(len(states.fields), len(states.charges))
        answers["charge_difference"] = by_charge[:, 1:] - by_charge[:, :1]
    return answers


def committee_spreads(answers: Sequence[Mapping[str, Array]]) -> dict[str, float]:
    """Root mean square over all numbers of the standard deviation between models.

    Args:
        answers: of every model by name, arrays of one shape for one name; a name that fewer than
            two models know is left out.
    """
    spreads = {}
    for name in SPREADS:
        known = [answer[name] for answer in answers if name in answer]
        if len(known) > 1:
            spreads[name] = float(np.sqrt(np.var(known, axis=0, ddof=1).mean()))
    return spreads


def choose(found: Sequence[Candidate], labelled: Sequence[Atoms], number: int) -> list[Candidate]:
    """The ``number`` best candidates, in the order in which they were chosen.

    One after the other: whoever has the largest product of summed relative spreads and distance to
    everything that is labelled or chosen already.

    Args:
        found: candidates with spreads.
        labelled: structures of the plan.
        number: how many.
    """
    elements = sorted({int(z) for a in [*labelled, *(c.atoms for c in found)] for z in a.numbers})
    vectors = [environments(c.atoms, elements) for c in found]
    distances = [
        {z: np.full(len(rows), np.inf) for z, rows in structure.items()} for structure in vectors
    ]
    if labelled:
        _come_nearer(distances, vectors, _stack([environments(a, elements) for a in labelled]))
    disagreement = _relative_sums(found)
    chosen: list[int] = []
    while len(chosen) < min(number, len(found)):
        novelty = np.array([np.concatenate([*d.values()]).mean() for d in distances])
        if not np.isfinite(novelty).all():  # nothing is labelled yet
            novelty = np.ones(len(found))
        scores = disagreement * novelty
        scores[chosen] = -np.inf
        best = int(scores.argmax())
        found[best].novelty, found[best].score = float(novelty[best]), float(scores[best])
        chosen.append(best)
        _come_nearer(distances, vectors, vectors[best])
    return [found[index] for index in chosen]


def _relative_sums(found: Sequence[Candidate]) -> Array:
    """[c] spreads over their mean among the candidates, summed over names."""
    total = np.zeros(len(found))
    for name in SPREADS:
        values = np.array([candidate.spreads.get(name, 0.0) for candidate in found])
        if values.any():
            total += values / values.mean()
    return total if total.any() else np.ones(len(found))


def _stack(structures: Sequence[Mapping[int, Array]]) -> dict[int, Array]:
    elements = {z for structure in structures for z in structure}
    return {z: np.concatenate([s[z] for s in structures if z in s]) for z in elements}


def _come_nearer(
    distances: Sequence[dict[int, Array]],
    vectors: Sequence[Mapping[int, Array]],
    pool: Mapping[int, Array],
) -> None:
    """Lower the distances of all atoms to those in a pool of environments of their element."""
    for number, rows in pool.items():
        tree = cKDTree(rows)
        for distance, structure in zip(distances, vectors):
            if number in structure:
                near = tree.query(structure[number])[0]
                distance[number] = np.minimum(distance[number], near)


def append_to_recipe(store: Store, chosen: Sequence[Candidate], states: States, why: str) -> None:
    """Add a block for each chosen frame at the recipe's end, where what is dear and new comes last.

    Raises:
        BenchError: the recipe does not end with its blocks, so that nothing can be added by text.
    """
    path = store.folder / "recipe.yaml"
    before = path.read_text(encoding="utf-8").rstrip("\n")
    lines = [f"# {why}"]
    for candidate in chosen:
        block = states.block(candidate.trajectory, candidate.step)
        words = ", ".join(f"{key}: {value}" for key, value in block.items())
        lines.append(f"- {{{words}}}")
    text = "\n".join([before, *lines, ""])
    trial = path.with_name(".recipe-proposed.yaml")
    try:
        write_text(trial, text)
        grown = read_recipe(trial).blocks
    except BenchError:
        grown = []
    finally:
        trial.unlink(missing_ok=True)
    if len(grown) != len(read_recipe(path).blocks) + len(chosen):
        raise BenchError(
            f"{path}: its blocks are not a list of lines at its end; nothing was changed.",
            "Let the file end with lines as - {trajectory: NAME, step: 20, subset: interface}.",
        )
    write_text(path, text)


def load_committee(runs: Sequence[str]) -> list[BenchCalculator]:
    """The trained points of run folders.

    Raises:
        BenchError: a folder that holds no trained run.
    """
    return [BenchCalculator.from_run(Path(run)) for run in runs]
