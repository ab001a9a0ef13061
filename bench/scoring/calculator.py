"""Anybody's ase calculator on structures of ours: what it is told, what it says and how fast."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from inspect import Parameter, signature
from typing import Any

import ase
import numpy as np
from ase.calculators.calculator import PropertyNotImplementedError

from bench.errors import BenchError, nearest
from bench.evaluate.selection import felt_field, total_charge
from bench.inference.relax import write_minimum_of
from bench.labels.keys import MULTIPLICITY_KEY, RELAXED_SUBSET, SECONDS_KEY, TOTAL_CHARGE_KEY
from bench.labels.quantities import ENERGY, FORCES, labels
from bench.labels.stored import can_have, is_stated
from bench.outside import load_factory
from bench.scoring.foreign import RESULTS, STATE, Speech, store


class CalculatorFailed(BenchError):
    """Somebody's code raised an error; ``__cause__`` has it."""


def make_calculator(path: str, arguments: Mapping[str, Any]) -> Any:
    """What a factory makes of its arguments.

    Args:
        path: ``package.module:factory``.
        arguments: by name.

    Raises:
        BenchError: no such factory, an argument that it does not take, an error of its own, or no
            calculator.
    """
    factory = load_factory(path)
    _check_arguments(factory, path, arguments)
    told = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    try:
        made = factory(**arguments)
    except Exception as error:  # whatever somebody's code may do
        raise CalculatorFailed(f"{path}({told}): {type(error).__name__}: {error}") from error
    if not hasattr(made, "get_property"):
        raise BenchError(
            f"{path}({told}) gives a {type(made).__name__}, no calculator of ase.",
            "It needs get_property(name, atoms); see ase.calculators.calculator.",
        )
    return made


def _check_arguments(factory: Callable[..., Any], path: str, arguments: Mapping[str, Any]) -> None:
    """Refuse what a signature without ** does not name."""
    try:
        parameters = signature(factory).parameters
    except (TypeError, ValueError):  # of C
        return
    if any(p.kind is Parameter.VAR_KEYWORD for p in parameters.values()):
        return
    for name, value in arguments.items():
        if name not in parameters:
            raise BenchError(f"arg.{name}={value}: {path} has none.", nearest(name, parameters))


def stated_info(atoms: ase.Atoms, speech: Speech) -> dict[str, Any]:
    """What a calculator reads in ``atoms.info``: charge, field and, where known, multiplicity.

    Args:
        atoms: a structure of ours.
        speech: of the calculator.
    """
    ours: dict[str, Any] = {TOTAL_CHARGE_KEY: total_charge(atoms), "field": felt_field(atoms)}
    if MULTIPLICITY_KEY in atoms.info:
        ours[MULTIPLICITY_KEY] = int(atoms.info[MULTIPLICITY_KEY])
    factors = {name: speech.stated.factors.get(name, 1.0) for name in STATE}
    return {
        key: value if factors[name] == 1.0 else value / factors[name]
        for name, value in ours.items()
        for key in speech.keys[name]
    }


def predict_energy(calculator: Any, atoms: ase.Atoms, speech: Speech) -> ase.Atoms:
    """A copy with the predicted energy alone, for an alignment.

    Raises:
        CalculatorFailed: with the structure.
    """
    frame = atoms.copy()
    with _named(atoms):
        results = _energy(calculator, _bare(atoms, speech))
        values = _chosen(results, speech, (ENERGY.name,))
    store(frame, values, speech, str(atoms.info["uid"]))
    return frame


def predict(calculator: Any, atoms: ase.Atoms, speech: Speech) -> ase.Atoms:
    """A copy with everything that the calculator says, and the seconds that it took.

    What costs extra, such as a stress, is asked for where the structure has it.

    Args:
        calculator: of ase.
        atoms: a structure of ours.
        speech: of the calculator.

    Raises:
        CalculatorFailed: with the structure.
        BenchError: what it says has another shape.
    """
    frame, bare = atoms.copy(), _bare(atoms, speech)
    with _named(atoms):
        started = time.perf_counter()
        results = _energy(calculator, bare)
        if FORCES.name in _implemented(calculator):
            results[FORCES.name] = bare.get_forces()
        frame.info[SECONDS_KEY] = time.perf_counter() - started
        results |= _on_request(calculator, bare, frame, speech, known=results)
        values = _chosen(results, speech, tuple(RESULTS))
        if atoms.info["subset"] == RELAXED_SUBSET:
            write_minimum_of(calculator, frame, stated_info(atoms, speech))
    store(frame, values, speech, str(atoms.info["uid"]))
    return frame


def _bare(atoms: ase.Atoms, speech: Speech) -> ase.Atoms:
    bare = ase.Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    bare.info = stated_info(atoms, speech)
    return bare


def _energy(calculator: Any, bare: ase.Atoms) -> dict[str, Any]:
    """Results by the calculator's names, of this structure and no earlier one.

    Some calculators do not notice that a field in ``info`` has changed: they are reset.
    """
    if hasattr(calculator, "reset"):
        calculator.reset()
    bare.calc = calculator
    energy = bare.get_potential_energy()
    return {**getattr(calculator, "results", {}), ENERGY.name: energy}


def _implemented(calculator: Any) -> Sequence[str]:
    return getattr(calculator, "implemented_properties", (FORCES.name,))


def _on_request(
    calculator: Any, bare: ase.Atoms, frame: ase.Atoms, speech: Speech, *, known: Mapping[str, Any]
) -> dict[str, Any]:
    """What the structure is labelled with and the calculator computes when asked."""
    found = dict(getattr(calculator, "results", {}))
    for name, quantity in labels().items():
        keys = [key for key in speech.keys[name] if key in _implemented(calculator)]
        wanted = is_stated(frame, quantity) and can_have(frame, quantity)
        if wanted and keys and not {*keys} & {*found, *known}:
            try:
                found[keys[0]] = calculator.get_property(keys[0], bare)
            except PropertyNotImplementedError:
                continue
    return found


def _chosen(results: Mapping[str, Any], speech: Speech, names: Sequence[str]) -> dict[str, Any]:
    """Results by our names."""
    found = {
        name: next(
            (results[key] for key in speech.keys[name] if results.get(key) is not None), None
        )
        for name in names
    }
    return {name: np.asarray(value) for name, value in found.items() if value is not None}


@contextmanager
def _named(atoms: ase.Atoms) -> Iterator[None]:
    """Give an error of somebody's code the structure at which it happened."""
    try:
        yield
    except Exception as error:  # whatever somebody's code may do
        info = atoms.info
        raise CalculatorFailed(
            f"the calculator failed at {info['uid']} ({atoms.get_chemical_formula()}, "
            f"split={info['split']}, total charge {total_charge(atoms):+g} e, field "
            f"{felt_field(atoms).tolist()} V/Å): {type(error).__name__}: {error}",
            "Nothing was scored. The traceback is in error.log of the run's folder.",
        ) from error
