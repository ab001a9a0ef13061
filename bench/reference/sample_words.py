"""``bench data sample``: run a short trajectory and write its frames."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms
from ase.io import write

from bench.config.options import REQUIRED, Range, parse_options, whole_numbers
from bench.errors import BenchError
from bench.reference.sample import Sampling, sample, xtb_calculator
from bench.structures import (
    alpha_quartz,
    metal_water_slab,
    molecules_intact,
    vacancy_supercell,
)

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator
    from pymatgen.core import Structure

_RUN: dict[str, Any] = {
    "out": REQUIRED,
    "steps": 60,
    "interval": 20,
    "seed": 0,
    "model": "",  # folder of a trained run instead of xTB
    "field": 0.0,  # V/Å along z, with a model
}
_RANGES: dict[str, Range] = {
    "steps": (0, None),
    "interval": (1, None),
    "seed": (0, None),
    "temperature": (0.0, None),
}


def sample_slab(words: list[str]) -> int:
    """Water on an fcc metal."""
    defaults: dict[str, Any] = {
        "metal": REQUIRED,
        "waters": int,
        "layers": 3,
        "size": "2x2",
        "height": 25.0,
        "gap": 2.3,
        "temperature": 300.0,
    }
    ranges = _RANGES | {"waters": (0, None), "layers": (1, None), "gap": (0.0, None)}
    options = parse_options(words, defaults | _RUN, verb="bench data sample slab", ranges=ranges)
    nx, ny = whole_numbers(options["size"], 2, "size")
    atoms = metal_water_slab(
        options["metal"],
        waters=options["waters"],
        size=(nx, ny),
        layers=options["layers"],
        height=options["height"],
        gap=options["gap"],
        rng=np.random.default_rng(options["seed"]),
    )
    sampling = _sampling(options)
    return _write(atoms, sampling, options, charge=0, electronic_temperature=2000.0)


def sample_vacancy(words: list[str]) -> int:
    """A crystal's supercell with one atom removed."""
    defaults: dict[str, Any] = {
        "crystal": "quartz",
        "repeat": "2x2x1",
        "element": REQUIRED,
        "site": -1,
        "charge": 0,
        "temperature": 500.0,
    }
    options = parse_options(
        words, defaults | _RUN, verb="bench data sample vacancy", ranges=_RANGES
    )
    nx, ny, nz = whole_numbers(options["repeat"], 3, "repeat")
    atoms = vacancy_supercell(
        _crystal(options["crystal"]),
        repeat=(nx, ny, nz),
        element=options["element"],
        site=None if options["site"] < 0 else options["site"],
    )
    sampling = replace(_sampling(options), time_step=2.0, friction=0.02, relax_force=0.5)
    return _write(atoms, sampling, options, charge=options["charge"], electronic_temperature=1000.0)


def _sampling(options: dict[str, Any]) -> Sampling:
    return Sampling(
        temperature=options["temperature"],
        steps=options["steps"],
        interval=options["interval"],
        seed=options["seed"],
    )


def _write(
    atoms: Atoms,
    sampling: Sampling,
    options: dict[str, Any],
    *,
    charge: int,
    electronic_temperature: float,
) -> int:
    if options["model"]:
        calculator = _trained(options, charge)
    elif options["field"] != 0.0:
        raise BenchError("xTB polarises a metal 5 to 40 times too much.", "field= needs model=.")
    else:
        calculator = xtb_calculator(charge=charge, electronic_temperature=electronic_temperature)
    out = Path(options["out"])
    out.parent.mkdir(parents=True, exist_ok=True)
    out.unlink(missing_ok=True)
    frames = 0
    own = not options["model"]
    for frame in sample(atoms, calculator, sampling, intact=molecules_intact, periodic_vacuum=own):
        frame.info["trajectory"] = out.stem
        write(out, frame, append=True, format="extxyz")
        frames += 1
    print(f"{frames} frames of {len(atoms)} atoms: {out}")
    return 0


def _trained(options: dict[str, Any], charge: int) -> Calculator:
    from bench.inference.calculator import BenchCalculator

    return BenchCalculator.from_run(
        options["model"], total_charge=float(charge), electric_field=(0.0, 0.0, options["field"])
    )


def _crystal(name: str) -> Structure:
    if name == "quartz":
        return alpha_quartz()
    from pymatgen.core import Structure

    if not Path(name).is_file():
        raise BenchError(f"crystal={name}: no such file.", "A CIF or POSCAR file, or quartz.")
    try:
        return Structure.from_file(name)
    except Exception as error:  # every format fails in its own way
        raise BenchError(
            f"crystal={name} cannot be read: {error}", "A CIF or POSCAR file, or quartz."
        ) from error
