"""Small planned structures, made-up labels and a program that stands in for CP2K."""

import numpy as np
from ase import Atoms
from ase.build import fcc111, molecule


def slab(uid="al0000", group="g0", field=0.1, split="train", trajectory="t0", **more):
    """Two aluminium atoms and a water molecule in a slab cell."""
    atoms = fcc111("Al", (1, 1, 2), a=4.05, vacuum=0.0)
    water = molecule("H2O")
    water.translate(-water.positions[0] + [0.5, 0.5, atoms.positions[:, 2].max() + 3.0])
    atoms = Atoms(
        [*atoms.symbols, *water.symbols],
        np.vstack([atoms.positions, water.positions]),
        cell=[*atoms.cell.array[:2], [0, 0, 16.0]],
        pbc=[True, True, False],
    )
    atoms.positions[:, 2] += 5.0
    state = {"total_charge": 0, "multiplicity": 1, "k_points": "3x3x1", "subset": "interface"}
    atoms.info = {
        "uid": uid,
        "group": group,
        "field": field,
        "split": split,
        "trajectory": trajectory,
        "step": 0,
        **state,
        **more,
    }
    return atoms


def crystal(uid="si0000", group="g0", charge=0, **more):
    """Three atoms in a periodic cell."""
    atoms = Atoms("SiO2", [[0, 0, 0], [1.6, 0, 0], [0, 1.6, 0]], cell=[4.0, 4.2, 4.4], pbc=True)
    state = {"k_points": "1x1x1", "subset": "vacancy", "split": "train", "trajectory": "t0"}
    atoms.info = {
        "uid": uid,
        "group": group,
        "field": 0.0,
        "total_charge": charge,
        "step": 0,
        "multiplicity": 1 + abs(charge) % 2,
        **state,
        **more,
    }
    return atoms


def made_up_label(atoms, *, dipole=0.3, energy=-100.0, seconds=10.0):
    """A label of the right shape that obeys the sum rules."""
    count = len(atoms)
    rng = np.random.default_rng(count)
    charges = rng.normal(scale=0.1, size=count)
    charges += (atoms.info["total_charge"] - charges.sum()) / count
    dipoles = rng.normal(scale=0.05, size=(count, 3))
    slab_like = not atoms.pbc.all()
    dipoles[0, 2] += dipole - (charges @ atoms.positions[:, 2] + dipoles[:, 2].sum())
    return {
        "uid": atoms.info["uid"],
        "energy": energy,
        "total_energy": energy - 0.01,
        "fermi_level": 0.5 if atoms.info["multiplicity"] == 1 else None,
        "s_squared": None,
        "forces": rng.normal(size=(count, 3)).tolist(),
        "charges": charges.tolist(),
        "dipoles": dipoles.tolist(),
        "mulliken": charges.tolist(),
        "spins": None,
        "hirshfeld": charges.tolist(),
        "dipole_z": dipole if slab_like else None,
        "profile": {"step": 0.1, "electrons_per_length": [1.0], "hartree": [0.0]},
        "provenance": {
            "code": "none",
            "scf_steps": 5,
            "seconds": seconds,
            "multipole_correction": "exact grid",
            "electrons_missed": -3.8e-5,
            "charge_violation": 1e-7,
            "dipole_violation": [2e-6] if slab_like else [],
            "largest_correction": 1e-8,
        },
    }


# Writes what CP2K would for the atoms in job.inp: Gaussians on the nuclei, energies from the input.
STAND_IN = '''#!{python}
import os, re, sys
import numpy as np
text = open("job.inp").read()
with open({log!r}, "a") as log:
    log.write(os.getcwd() + " " + str("RESTART" in text.split("SCF_GUESS")[1][:9]) + "\\n")
alpha = float(re.search(r"ALPHA (\\S+)", text).group(1)) if "ALPHA" in text else 0.0
if {fail_above} < alpha:
    open("job.out", "w").write("*** SCF run NOT converged ***")
    sys.exit(0)
rows = [l.split() for l in text.split("&COORD")[1].split("&END COORD")[0].strip().splitlines()]
cell = np.array([l.split()[1:] for l in text.split("&CELL")[1].splitlines()[1:4]], float)
bohr = 0.529177210903
valence = dict(Al=3, O=6, H=1, Si=4)
positions = np.array([r[1:] for r in rows], float)
shape = (20, 20, 80)
grid = np.stack(np.meshgrid(*[np.arange(n) / n for n in shape], indexing="ij"), -1)
rho = np.zeros(shape)
for row, place in zip(rows, positions):
    delta = grid - place @ np.linalg.inv(cell)
    r2 = (((delta - np.round(delta)) @ cell) ** 2).sum(-1)
    g = np.exp(-r2 / 0.5)
    rho += valence[row[0]] * g / g.sum()
charge = int(re.search(r"CHARGE (\\S+)", text).group(1))
rho *= (rho.sum() - charge) / rho.sum() / (abs(np.linalg.det(cell)) / bohr**3 / rho.size)
def cube(name, values):
    lines = ["a", "b", f"{{len(rows)}} 0 0 0"] + [f"{{n}} 0 0 0" for n in shape]
    lines += ["1 0 0 0 0"] * len(rows) + [" ".join("%.5E" % v for v in p.ravel()) for p in values]
    open(name, "w").write("\\n".join(lines))
cube("job-ELECTRON_DENSITY-1_0.cube", rho)
cube("job-v_hartree-1_0.cube", 0 * rho)
n = len(rows)
table = "\\n".join(f"{{i+1}} {{r[0]}} 1 1.0 0.0" for i, r in enumerate(rows))
open("job-forces-1_0.xyz", "w").write("\\n".join(f"{{i+1}} 1 X 0.1 0.2 0.3" for i in range(n)))
def record(kind, *values):
    data = np.array(values, kind).tobytes()
    return np.int32(len(data)).tobytes() + data + np.int32(len(data)).tobytes()
orbitals = [record("i4", n, 1, 2, 1, 1), *[record("i4", 0)] * 3, record("i4", 30, 8, 9, 16)]
orbitals += [record("f8", *range(60)), *[record("f8", i, -i) for i in range(30)]]
open("job-RESTART.kp", "wb").write(b"".join(orbitals))
open("job.out", "w").write(f"""CP2K| version string: CP2K version 2023.1
*** SCF run converged in    7 steps ***
  Fermi energy: 0.1
  Total energy: -10.0
Mulliken Population Analysis
{{table}}
Hirshfeld Charges
{{table}}
ENERGY| Total FORCE_EVAL ( QS ) energy [a.u.]: -10.5
""")
'''


def install_stand_in(folder, monkeypatch, *, fail_above=9.0):
    """Put a program named cp2k.psmp first on the path; gives the file that logs its calls.

    Args:
        fail_above: it does not converge when the mixing parameter of the input exceeds this.
    """
    import os
    import sys

    folder.mkdir(exist_ok=True)
    log = folder / "calls"
    program = folder / "cp2k.psmp"
    program.write_text(STAND_IN.format(python=sys.executable, log=str(log), fail_above=fail_above))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return log
