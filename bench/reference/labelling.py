"""One structure, one or more CP2K runs, one label: everything that is kept of a calculation."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.units import Bohr, Hartree
from numpy.typing import NDArray

from bench import __version__
from bench.errors import BenchError
from bench.reference.cp2k_input import Settings, attempts, valence, write_input
from bench.reference.cp2k_output import Output, OutputError, parse_output, read_cube
from bench.reference.partition import (
    PROATOMS,
    Corrected,
    Grid,
    Proatom,
    dipole_from_profile,
    load_proatoms,
    proatom_checksums,
    restore_sum_rules,
    stockholder,
)
from bench.reference.wave_function import open_shell
from bench.storage import replacing

Array = NDArray[np.float64]
Label = dict[str, Any]

PROGRAM = "cp2k.psmp"
LOWEST_PRIORITY = 19


class NotLabelled(Exception):
    """Every attempt failed; the message lists the reasons."""


def require_cp2k() -> None:
    """Refuse early when CP2K is not installed.

    Raises:
        BenchError: ``cp2k.psmp`` is not on the path.
    """
    if shutil.which(PROGRAM) is None:
        raise BenchError(
            f"{PROGRAM} is not installed; reference calculations need it.",
            "apt-get install -y --no-install-recommends cp2k cp2k-data libopenblas0-serial",
        )


@dataclass
class Worker:
    """A folder of its own, in which one calculation runs at a time.

    Attributes:
        folder: scratch; wave functions kept here are never shared with another worker.
        densities: where full densities are kept (float32), None to drop them.
        niceness: 19 runs only where nothing else does; 0 competes with everything.
        free_atoms: file of those that the densities are partitioned with.
        stopped: no further calculation is started.
        cpu_seconds: CPU time of the current structure's calculations, all attempts together.
    """

    folder: Path
    densities: Path | None = None
    niceness: int = LOWEST_PRIORITY
    free_atoms: Path = PROATOMS
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    stopped: bool = False
    cpu_seconds: float = 0.0

    def stop(self) -> None:
        """End the running calculation; nothing of it is kept."""
        self.stopped = True
        if self._process is not None:
            self._process.terminate()

    def label(self, atoms: Atoms, *, start: Path | None = None) -> Label:
        """Calculate a planned structure with the usual settings, then with more careful ones.

        Args:
            atoms: the structure.
            start: wave function of the first attempt, instead of one that was kept.

        Raises:
            NotLabelled: no attempt converged.
        """
        reasons: list[str] = []
        self.cpu_seconds = 0.0
        for number, settings in enumerate(attempts(atoms)):
            try:
                restart = (start or self._start(atoms)) if number == 0 else None
                label = self.calculate(atoms, settings, restart=restart)
            except OutputError as failure:
                reasons.append(str(failure))
                continue
            label["provenance"].update(attempts=number + 1, seconds=round(self.cpu_seconds, 1))
            self._keep_wave_function(atoms)
            return label
        raise NotLabelled("; then ".join(reasons))

    def calculate(self, atoms: Atoms, settings: Settings, *, restart: Path | None = None) -> Label:
        """One run of CP2K.

        Raises:
            OutputError: it did not converge or its output is incomplete.
        """
        text = write_input(atoms, settings, restart="start.wfn" if restart else None)
        job = self.run_input(text, restart=restart)
        free = load_proatoms(self.free_atoms)
        label = read_job(job, atoms, densities=self.densities, free_atoms=free)
        label["provenance"].update(
            input_sha256=hashlib.sha256(text.encode()).hexdigest(),
            settings=asdict(settings),
            restarted=restart is not None,
        )
        return label

    def run_input(self, text: str, *, restart: Path | None = None) -> Path:
        """Run CP2K on an input and return the folder with its files.

        Raises:
            OutputError: stopped, or CP2K wrote no output.
        """
        job = self.folder / "job"
        shutil.rmtree(job, ignore_errors=True)
        job.mkdir(parents=True)
        (job / "job.inp").write_text(text)
        if restart is not None:
            shutil.copy(restart, job / "start.wfn")
        if self.stopped:
            raise OutputError("stopped")
        self._process = subprocess.Popen(
            ["nice", "-n", str(self.niceness), PROGRAM, "-i", "job.inp", "-o", "job.out"],
            cwd=job,
            env=dict(os.environ, OMP_NUM_THREADS="1"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(self._process.pid, 0)
        code = self._process.returncode = os.waitstatus_to_exitcode(status)
        self.cpu_seconds += usage.ru_utime + usage.ru_stime
        if self.stopped:
            raise OutputError("stopped")
        if code != 0 and not (job / "job.out").is_file():
            raise OutputError(f"{PROGRAM} ended with {code} and wrote nothing")
        return job

    def wave_function(self, atoms: Atoms) -> Path | None:
        """One that was kept: of this geometry and state, whatever its field.

        A wave function of another geometry costs 20 steps more than none: 49 instead of 30 on a
        metal slab.
        """
        own = self._kept(atoms)
        return own if own.is_file() else None

    def _start(self, atoms: Atoms) -> Path | None:
        """A kept wave function; an open shell without one starts from a closed shell's.

        The closed shell has the same geometry and an electron more or less, and is calculated where
        none was kept. At charge −1 that takes 8 steps instead of 40, and of four vacancies at
        charge +1 that started from free atoms, three ended 5 to 24 meV higher, in other states.

        Raises:
            OutputError: the closed shell did not converge.
        """
        kept, multiplicity = self.wave_function(atoms), int(atoms.info["multiplicity"])
        if kept or multiplicity == 1 or atoms.info["k_points"] != "1x1x1":
            return kept
        electrons = round(valence(atoms).sum()) - int(atoms.info["total_charge"])
        up = (electrons + multiplicity - 1) // 2
        own = self._kept(atoms)
        open_shell(self._closed_shell(atoms), own, electrons=(up, electrons - up))
        return own

    def _closed_shell(self, atoms: Atoms) -> Path:
        """Wave function of the same geometry with an electron more or less, the less charged."""
        charge = int(atoms.info["total_charge"])
        closed = [
            _in_state(atoms, charge + more) for more in sorted((-1, 1), key=lambda x: x * charge)
        ]
        found = next((path for path in map(self._kept, closed) if path.is_file()), None)
        if found is None:
            settings = attempts(closed[0])[0]
            read_job(self.run_input(write_input(closed[0], settings)), closed[0])
            self._keep_wave_function(closed[0])
            found = self._kept(closed[0])
        return found

    def _kept(self, atoms: Atoms) -> Path:
        charge, multiplicity = (int(atoms.info[key]) for key in ("total_charge", "multiplicity"))
        return self.folder / f"{self._geometry(atoms)}_{charge}_{multiplicity}.wfn"

    def _geometry(self, atoms: Atoms) -> str:
        parts = [x.round(4).tolist() for x in (atoms.numbers, atoms.positions, atoms.cell.array)]
        settings = [atoms.info.get(key) for key in ("k_points", "cutoff")]
        return f"start-{hashlib.sha256(f'{parts} {settings}'.encode()).hexdigest()[:12]}"

    def _keep_wave_function(self, atoms: Atoms) -> None:
        for written in (self.folder / "job").glob("job-RESTART.*"):
            for old in self.folder.glob("start-*.wfn"):  # groups come one after the other
                if not old.name.startswith(self._geometry(atoms)):
                    old.unlink()
            written.replace(self._kept(atoms))


def _in_state(atoms: Atoms, charge: int) -> Atoms:
    """The same geometry as a closed shell of another charge."""
    other = atoms.copy()
    other.info.update(total_charge=charge, multiplicity=1)
    return other


def read_job(
    job: Path,
    atoms: Atoms,
    *,
    densities: Path | None = None,
    free_atoms: dict[int, Proatom] | None = None,
) -> Label:
    """The label of a finished calculation in ``job``.

    Args:
        job: the calculation's folder.
        atoms: the planned structure.
        densities: where to keep the full density.
        free_atoms: of the partition; the package's unless given.

    Raises:
        OutputError: it did not converge or its output is incomplete.
    """
    text = (job / "job.out").read_text() if (job / "job.out").is_file() else ""
    force_files = sorted(job.glob("job-forces*"))
    forces_text = force_files[0].read_text() if force_files else ""
    output = parse_output(text, forces_text, len(atoms))
    density = read_cube(job / "job-ELECTRON_DENSITY-1_0.cube")
    hartree = read_cube(job / "job-v_hartree-1_0.cube").mean((0, 1)) * Hartree
    label = make_label(atoms, output, density=density, hartree=hartree, free_atoms=free_atoms)
    spin = job / "job-SPIN_DENSITY-1_0.cube"
    if spin.is_file():
        label.update(integrate_spin(read_cube(spin), atoms))
    if densities is not None:
        with replacing(densities / f"{atoms.info['uid']}.npz") as file:
            np.savez_compressed(file, density=density.astype(np.float32))
    return label


def integrate_spin(density: Array, atoms: Atoms) -> dict[str, float]:
    """Integrals of the spin density and of its absolute value (electrons).

    Args:
        density: [nx, ny, nz] in atomic units.
    """
    grid = Grid(density / Bohr**3, atoms.cell.array)
    absolute = Grid(abs(grid.density), grid.cell)
    return {"integrated_spin": grid.electrons, "integrated_absolute_spin": absolute.electrons}


def make_label(
    atoms: Atoms,
    output: Output,
    *,
    density: Array,
    hartree: Array,
    free_atoms: dict[int, Proatom] | None = None,
) -> Label:
    """Everything that is stored of a calculation, plain numbers in eV, Å, e.

    Args:
        atoms: the planned structure.
        output: what the output file says.
        density: [nx, ny, nz] valence electrons, atomic units.
        hartree: [nz] planar average of CP2K's Hartree potential, eV, an electron's sign.
        free_atoms: of the partition; the package's unless given.
    """
    label: Label = {
        "uid": atoms.info["uid"],
        "energy": output.energy,
        "total_energy": output.total_energy,
        "fermi_level": output.fermi_level,
        "s_squared": output.s_squared,
        "forces": output.forces.round(8).tolist(),
        "mulliken": output.mulliken.tolist(),
        "spins": None if output.spins is None else output.spins.tolist(),
        "hirshfeld": output.hirshfeld.tolist(),
        "profile": {"hartree": _digits(hartree)},
        "provenance": {
            "code": output.version,
            "generator": __version__,
            "scf_steps": output.scf_steps,
        },
    }
    return with_partition(label, atoms, density, free_atoms)


def with_partition(
    label: Label, atoms: Atoms, density: Array, free_atoms: dict[int, Proatom] | None = None
) -> Label:
    """The label with everything that is read from the density: multipoles, dipole, profile.

    Args:
        label: of this structure; what it says of a density is replaced.
        atoms: the planned structure.
        density: [nx, ny, nz] valence electrons, atomic units.
        free_atoms: of the partition; the package's unless given.
    """
    free = free_atoms or load_proatoms()
    raw = Grid(density / Bohr**3, atoms.cell.array)
    grid = raw.normalised(valence(atoms).sum() - float(atoms.info["total_charge"]))
    heights, per_length = grid.profile()
    dipole_z, corrected = _multipoles(atoms, grid, free)
    profile = {"step": heights[1], "electrons_per_length": _digits(per_length)}
    provenance = {
        "multipole_correction": "exact grid",
        "proatoms": proatom_checksums(atoms.numbers, free),
        "electrons_missed": raw.electrons - grid.electrons,
        "charge_violation": corrected.charge_violation,
        "dipole_violation": corrected.dipole_violation.tolist(),
        "largest_correction": corrected.largest_correction,
    }
    return label | {
        "charges": corrected.charges.round(9).tolist(),
        "dipoles": corrected.dipoles.round(9).tolist(),
        "dipole_z": dipole_z,
        "profile": label["profile"] | profile,
        "provenance": label["provenance"] | provenance,
    }


def _multipoles(
    atoms: Atoms, grid: Grid, free: dict[int, Proatom]
) -> tuple[float | None, Corrected]:
    """A slab's dipole along z, and atomic multipoles that add up to it and to the charge."""
    ions = valence(atoms)
    charges, dipoles = stockholder(grid, atoms.positions, atoms.numbers, ions, free)
    slab = not atoms.pbc.all()
    dipole_z = dipole_from_profile(*grid.profile(), atoms.positions, ions) if slab else None
    corrected = restore_sum_rules(
        charges,
        dipoles,
        atoms.positions,
        total_charge=float(atoms.info["total_charge"]),
        dipole=np.array([0.0, 0.0, dipole_z or 0.0]),
        mask=np.array([0, 0, int(slab)]),
    )
    return dipole_z, corrected


def _digits(values: Array) -> list[float]:
    return [float(f"{value:.7g}") for value in values]
