"""Other free atoms for labels that exist: multipoles from the stored densities, all or none."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ase import Atoms

from bench.errors import BenchError
from bench.reference.labelling import Label, with_partition
from bench.reference.partition import load_proatoms, proatom_checksums
from bench.reference.store import Store

_STAGED = ".repartitioned"  # in the system's folder: what is done while something still lacks
_MOVED = 0.02  # electrons; a density calculated once more moves 1e-4, another field 0.1 or more


def repartition(
    store: Store, densities: Path, *, report: Callable[[str], None] = lambda line: None
) -> int:
    """Calculate the multipoles of every planned label again with the package's free atoms.

    Labels are replaced when all are done, so that a dataset never mixes two partitions; what is
    done waits beside them, and a second call goes on from there.

    Args:
        store: the system's folder; build it anew afterwards.
        densities: folder with ``<uid>.npz``, key ``density`` [nx, ny, nz], atomic units.
        report: called with a line after each label.

    Returns:
        How many labels were replaced.

    Raises:
        BenchError: labels without a density, or a density that is not the label's.
    """
    staged = Store(store.folder / _STAGED)
    done = store.labelled()
    plan = [atoms for atoms in store.plan() if atoms.info["uid"] in done]
    left = [atoms for atoms in plan if not (_is_new(staged, atoms) or _is_new(store, atoms))]
    paths = {atoms.info["uid"]: densities / f"{atoms.info['uid']}.npz" for atoms in left}
    missing = [uid for uid, path in paths.items() if not path.is_file()]
    ready = [atoms for atoms in left if atoms.info["uid"] not in missing]
    for number, atoms in enumerate(ready, start=1):
        uid = atoms.info["uid"]
        staged.write_label(_repartitioned(store.read_label(uid), atoms, paths[uid]))
        report(f"{uid}: {number}/{len(ready)}")
    if missing:
        raise BenchError(
            f"{len(missing)} of {len(plan)} labels of {store.system} have no density in "
            f"{densities}: {', '.join(missing)}.",
            f"No label was changed; {len(plan) - len(missing)} wait in {staged.folder}. "
            "Calculate the densities (bench data generate in a copy of the folder without these "
            "labels), then call again.",
        )
    waiting = sorted(staged.labelled() & done)
    for uid in waiting:
        staged.move_label(uid, store)
    store.forget_free_atoms()
    shutil.rmtree(staged.folder, ignore_errors=True)
    return len(waiting)


def _is_new(store: Store, atoms: Atoms) -> bool:
    """Whether this structure has a label that was made with the package's free atoms."""
    uid = atoms.info["uid"]
    if uid not in store.labelled():
        return False
    current = proatom_checksums(atoms.numbers, load_proatoms())
    return bool(store.read_label(uid)["provenance"].get("proatoms") == current)


def _repartitioned(label: Label, atoms: Atoms, path: Path) -> Label:
    with np.load(path) as file:
        density = file["density"].astype(np.float64)
    result = with_partition(label, atoms, density)
    before, now = (np.array(x["profile"]["electrons_per_length"]) for x in (label, result))
    step = result["profile"]["step"]
    moved = 0.5 * step * np.abs(now - before).sum() if len(now) == len(before) else np.inf
    if moved > _MOVED:
        raise BenchError(
            f"{path} is not the density of {label['uid']}: {moved:.2g} electrons lie elsewhere "
            f"along z; at most {_MOVED} may.",
            "Remove the file, or calculate the label again with this density.",
        )
    return result
