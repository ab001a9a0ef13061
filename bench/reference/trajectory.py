"""Short trajectories, written frame by frame to be labelled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ase import Atoms
from omegaconf import MISSING

from bench.config.key import key
from bench.errors import BenchError
from bench.reference.sample import Sampling, sample, xtb_calculator
from bench.storage import write_frames
from bench.structures import alpha_quartz, molecules_intact

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator


@dataclass
class Trajectory:
    """How a trajectory is run, and where it is written."""

    out: str = key(MISSING, "extended XYZ file of the frames")
    steps: int = key(60, "of the dynamics", least=0)
    interval: int = key(20, "steps between frames", least=1)
    temperature: float = key(300.0, "of the dynamics", "K", least=0)
    seed: int = key(0, "of geometry and velocities", least=0)
    model: str = key("", "folder of a trained run, instead of GFN1-xTB")
    field: float = key(0.0, "along z, with model=", "V/Å")


def write_trajectory(
    atoms: Atoms,
    options: Trajectory,
    *,
    charge: int,
    electronic_temperature: float,
    **how: float,
) -> str:
    """Run dynamics and write its frames, replacing the file.

    Args:
        atoms: where it starts.
        options: length, place and calculator.
        charge: of the structure in e.
        electronic_temperature: of xTB in K.
        how: further attributes of ``Sampling``.

    Returns:
        What was written, in a line.

    Raises:
        BenchError: a field without a model, or a calculator that is not there.
    """
    calculator = _calculator(options, charge, electronic_temperature)
    sampling = Sampling(
        temperature=options.temperature,
        steps=options.steps,
        interval=options.interval,
        seed=options.seed,
        **how,  # type: ignore[arg-type]
    )
    out = Path(options.out)
    frames: list[Atoms] = []
    own = not options.model
    for frame in sample(atoms, calculator, sampling, intact=molecules_intact, periodic_vacuum=own):
        frame.info["trajectory"] = out.stem
        frames.append(frame)
        write_frames(out, frames)  # an interruption keeps those that are done
    return f"{len(frames)} frames of {len(atoms)} atoms: {out}"


def _calculator(options: Trajectory, charge: int, electronic_temperature: float) -> Calculator:
    if options.model:
        from bench.inference.calculator import BenchCalculator

        field = (0.0, 0.0, options.field)
        return BenchCalculator.from_run(
            options.model, total_charge=float(charge), electric_field=field
        )
    if options.field != 0.0:
        raise BenchError("xTB polarises a metal 5 to 40 times too much.", "field= needs model=.")
    return xtb_calculator(charge=charge, electronic_temperature=electronic_temperature)


def read_crystal(name: str) -> Atoms:
    """The cell of quartz, or what a file holds.

    Raises:
        BenchError: no such file, or none of a crystal.
    """
    if name == "quartz":
        return alpha_quartz()
    from pymatgen.core import Structure
    from pymatgen.io.ase import AseAtomsAdaptor

    if not Path(name).is_file():
        raise BenchError(f"crystal={name}: no such file.", "A CIF or POSCAR file, or quartz.")
    try:
        atoms: Atoms = AseAtomsAdaptor.get_atoms(Structure.from_file(name))
    except Exception as error:  # every format fails in its own way
        raise BenchError(
            f"crystal={name} cannot be read: {error}", "A CIF or POSCAR file, or quartz."
        ) from error
    return atoms
