"""The two kinds of predictions of somebody else: an ase calculator, or a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import ase
from rich.console import Console
from rich.progress import track

from bench.data.dataset import Dataset
from bench.data.extxyz import read_extxyz
from bench.errors import BenchError
from bench.evaluate.selection import total_charge
from bench.labels.keys import TOTAL_CHARGE_KEY
from bench.labels.quantities import QUANTITIES
from bench.labels.stored import can_have, is_stated, stored
from bench.reference.import_values import find, found_keys
from bench.scoring.alignment import align
from bench.scoring.blindness import CHARGE, same_energy, unnoticed
from bench.scoring.calculator import CalculatorFailed, make_calculator, predict, predict_energy
from bench.scoring.foreign import RESULTS, Speech, store
from bench.scoring.identity import NONE
from bench.scoring.matching import Matcher
from bench.scoring.outsider import Predicted
from bench.scoring.so_far import SoFar

_SHOWN = 10


def of_calculator(
    path: str, arguments: Mapping[str, Any], speech: Speech, *, alignment: str, console: Console
) -> Callable[[Dataset, SoFar], Predicted]:
    """What a calculator says of a system; the calculator is made at once.

    Args:
        path: ``package.module:factory``.
        arguments: of the factory.
        speech: of the calculator.
        alignment: of its energies.
        console: shows how far it is.

    Raises:
        BenchError: no such factory, or it makes nothing of these arguments.
    """
    calculator = make_calculator(path, arguments)

    def shown(frames: Sequence[ase.Atoms], what: str) -> Iterable[ase.Atoms]:
        silent = not console.is_terminal
        return track(frames, what, console=console, transient=True, disable=silent)

    everything = partial(predict, calculator, speech=speech)
    energy = partial(predict_energy, calculator, speech=speech)

    def predicted(data: Dataset, so_far: SoFar) -> Predicted:
        test = [so_far.of(a, everything) for a in shown(data.frames["test"], "predicting")]
        training = data.frames["train"] if alignment != NONE else []
        train = [so_far.of(a, energy) for a in shown(training, "aligning")]
        aligned = align(alignment, train, path)
        blind = unnoticed([*test, *train])
        if CHARGE not in blind and (shown_by := _ignores_charge(calculator, data, speech)):
            blind[CHARGE] = shown_by
        aligned.apply([*test, *train])
        return Predicted(test, train, aligned, blind)

    return predicted


def _ignores_charge(calculator: Any, data: Dataset, speech: Speech) -> str:
    """What shows that a charged structure has the energy of the same one without charge, if any.

    Asked of one, since a data set may have no geometry at two charges; a calculator that refuses
    the other charge notices it.
    """
    frames = [atoms for split in data.frames.values() for atoms in split]
    charged = next((atoms for atoms in frames if total_charge(atoms)), None)
    if charged is None:
        return ""
    neutral = charged.copy()
    neutral.info[TOTAL_CHARGE_KEY] = 0.0
    try:
        both = [predict_energy(calculator, atoms, speech) for atoms in (charged, neutral)]
    except CalculatorFailed:
        return ""
    return f"{_uid(charged)} has the same energy without its charge" if same_energy(*both) else ""


def in_file(path: Path, speech: Speech, data: Dataset, *, alignment: str) -> Predicted:
    """What a file predicts of a system.

    Args:
        path: extxyz, with a structure for each of the test set and, to align energies, for each
            of the training set.
        speech: of the file.
        data: the system.
        alignment: of its energies.

    Raises:
        BenchError: an unreadable file, structures that it lacks or that are not those they are
            called, predictions that it lacks or that have another shape.
    """
    given = read_extxyz(path)
    wanted = {"test": data.frames["test"]}
    wanted |= {"train": data.frames["train"]} if alignment != NONE else {}
    found = _matched(given, [a for frames in wanted.values() for a in frames], speech, path)
    for split, frames in wanted.items():
        _refuse_missing(split, frames, found, path)
    test, train = ([found[_uid(a)] for a in wanted.get(s, ())] for s in ("test", "train"))
    _refuse_holes(test, given, path)
    aligned = align(alignment, train, str(path))
    blind = unnoticed([*test, *train])
    aligned.apply([*test, *train])
    unused = len(given) - len(found)
    more = f"not used: {unused} structures of {path}, which nothing here asks for"
    return Predicted(test, train, aligned, blind, [more] if unused else [])


def _uid(atoms: ase.Atoms) -> str:
    return str(atoms.info["uid"])


def _matched(
    given: Sequence[ase.Atoms], ours: Sequence[ase.Atoms], speech: Speech, path: Path
) -> dict[str, ase.Atoms]:
    """By uid, copies of our structures that hold what the file predicts.

    Raises:
        BenchError: two structures of the file are one of ours, or as of the matcher.
    """
    matcher = Matcher(ours, speech, path)
    found: dict[str, ase.Atoms] = {}
    places: dict[str, int] = {}
    for index, theirs in enumerate(given):
        if (match := matcher.match(theirs, index)) is None:
            continue
        uid, where = _uid(match), f"{path}, structure {index}"
        if (earlier := places.setdefault(uid, index)) != index:
            raise BenchError(f"{path}: structures {earlier} and {index} are both {uid}.")
        values = {name: _value(theirs, name, speech) for name in RESULTS}
        found[uid] = match.copy()
        store(found[uid], {n: v for n, v in values.items() if v is not None}, speech, where)
    return found


def _value(theirs: ase.Atoms, name: str, speech: Speech) -> Any:
    per_atom = QUANTITIES[name].per_atom
    values = (find(theirs, key, per_atom=per_atom) for key in speech.keys[name])
    return next((value for value in values if value is not None), None)


def _refuse_missing(
    split: str, frames: Sequence[ase.Atoms], found: Mapping[str, ase.Atoms], path: Path
) -> None:
    """Every structure of a split that the file lacks."""
    missing = [_uid(atoms) for atoms in frames if _uid(atoms) not in found]
    if not missing:
        return
    listed = ", ".join(missing[:_SHOWN]) + (", …" if len(missing) > _SHOWN else "")
    energies = "Energies are aligned by the training set; align=none takes them as they are."
    raise BenchError(
        f"{path} lacks {len(missing)} of {len(frames)} {split} structures: {listed}.",
        energies if split == "train" else "bench data export writes the structures to predict.",
    )


def _refuse_holes(test: Sequence[ase.Atoms], given: Sequence[ase.Atoms], path: Path) -> None:
    """What is predicted for some structures has to be for all that are labelled with it."""
    something = False
    for name in RESULTS:
        quantity = QUANTITIES[name]
        key = quantity.predicted_key
        wanted = [a for a in test if is_stated(a, quantity) and can_have(a, quantity)]
        lacking = [_uid(a) for a in wanted if stored(a, quantity, key) is None]
        something |= len(lacking) < len(wanted)
        if 0 < len(lacking) < len(wanted) and not quantity.may_be_undefined:
            told = ", ".join(lacking[:_SHOWN]) + (", …" if len(lacking) > _SHOWN else "")
            raise BenchError(f"{path}: no {name} for {len(lacking)} structures: {told}.")
    if not something:
        keys = sorted({key for atoms in given for key in found_keys(atoms)})
        raise BenchError(
            f"{path}: nothing that the test set is labelled with is predicted (found: "
            f"{', '.join(keys)}).",
            "key.energy=KEY key.forces=KEY ... name the predictions.",
        )
