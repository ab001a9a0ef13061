"""Molecular dynamics in a field that is switched on, with a charge that is taken away meanwhile.

    python md.py results/runs/pt_water/scf_qeq/RUNID --steps 300

Nothing is coupled to a bath, so the total energy changes by the work of field and charge alone,
dW = −M·dE − μ dQ. What the energy gains beyond that work is printed as drift: it says whether
forces, dipole and Fermi level belong to one energy.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import ase
import numpy as np
from ase import units
from ase.io import read
from ase.io.trajectory import Trajectory
from ase.md.velocitydistribution import Stationary
from ase.md.verlet import VelocityVerlet
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench.calculator import BenchCalculator

COLUMNS = {
    "time": "fs",
    "temperature": "K",
    "field": "V/Å",
    "charge": "e",
    "gained energy": "eV",
    "dipole": "e Å",
    "Fermi level": "eV",
    "work": "eV",
    "drift": "eV",
}


def options(words: list[str] | None = None) -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a trained run, or an exported point")
    parser.add_argument("--structure", type=Path, help="file; else the run's first test structure")
    parser.add_argument("--steps", type=int, default=300, help="of dynamics")
    parser.add_argument("--step", type=float, default=0.5, help="fs")
    parser.add_argument("--temperature", type=float, default=300.0, help="K, at first")
    parser.add_argument("--field", type=float, default=0.1, help="V/Å along z, by the end")
    parser.add_argument("--charge", type=float, default=0.2, help="e taken away by the end")
    parser.add_argument("--out", type=Path, default=Path("md"), help="name of .csv and .traj")
    return parser.parse_args(words)


def prepared(given: argparse.Namespace) -> ase.Atoms:
    """The structure with a calculator and velocities, in no field."""
    load = BenchCalculator.from_file if given.run.is_file() else BenchCalculator.from_run
    calculator = load(given.run, electric_field=[0, 0, 0], dtype="float64")
    first = read(given.structure or given.run / "predictions.extxyz", 0)
    atoms = ase.Atoms(first.numbers, first.positions, cell=first.cell, pbc=first.pbc)
    calculator.set(total_charge=float(first.info.get("total_charge", 0.0)))
    atoms.calc = calculator
    spread = np.sqrt(atoms.get_masses() * units.kB * given.temperature)[:, None]
    atoms.set_momenta(spread * np.random.default_rng(0).normal(size=(len(atoms), 3)))
    Stationary(atoms)
    return atoms


def ramp(steps: int) -> Iterator[float]:
    """From 0 to 1, smooth at both ends, one value a step."""
    for k in range(1, steps + 1):
        t = k / steps
        yield t * t * (3 - 2 * t)


def conjugates(atoms: ase.Atoms) -> np.ndarray:
    """What field and charge work against: M along z (e Å) and μ = −∂E/∂Q (eV)."""
    atoms.get_potential_energy()
    found = atoms.calc.results
    if not {"dipole", "chemical_potential"} <= found.keys():
        raise SystemExit("This model has no dipole or no Fermi level: take scf_qeq or its like.")
    return np.array([found["dipole"][2], found["chemical_potential"]])


def simulate(atoms: ase.Atoms, given: argparse.Namespace) -> Iterator[list[float]]:
    """A row of ``COLUMNS`` for each step of dynamics with field and charge a little further."""
    calculator, dynamics = atoms.calc, VelocityVerlet(atoms, given.step * units.fs)
    initial = np.array([0.0, calculator.total_charge])
    start, work, state = atoms.get_total_energy(), 0.0, initial
    for step, part in enumerate(ramp(given.steps), 1):
        dynamics.run(1)
        before = conjugates(atoms)
        change = initial + part * np.array([given.field, given.charge]) - state
        state = state + change
        calculator.set(electric_field=[0.0, 0.0, state[0]], total_charge=state[1])
        after = conjugates(atoms)
        work -= float(change @ (before + after)) / 2
        gained = atoms.get_total_energy() - start
        now = step * given.step, atoms.get_temperature()
        yield [*now, *state, gained, *after, work, gained - work]


def main(words: list[str] | None = None) -> None:
    """Run, show how far it is, and write what happened."""
    given = options(words)
    atoms = prepared(given)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
    )
    with (
        given.out.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file,
        Trajectory(given.out.with_suffix(".traj"), "w", atoms) as trajectory,
        bar,
    ):
        table = csv.writer(file)
        table.writerow([f"{name} [{unit}]" for name, unit in COLUMNS.items()])
        task = bar.add_task("dynamics", total=given.steps)
        for row in simulate(atoms, given):
            table.writerow([f"{value:.6g}" for value in row])
            trajectory.write()
            told = dict(zip(COLUMNS, row))
            bar.update(
                task,
                advance=1,
                description=f"{told['temperature']:.0f} K {told['field']:.2f} V/Å "
                f"{told['charge']:+.2f} e {told['dipole']:+.2f} e Å "
                f"drift {1000 * told['drift']:+.2f} meV",
            )


if __name__ == "__main__":
    main()
