"""``bench data import``: a user's own extxyz file becomes a system that ``bench run`` accepts.

Nothing is guessed: keys, units, signs, boundary and splits are in the file or stated.  Nothing is
written before everything has been checked, and messages name the file and the index in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from ase import Atoms

from bench.audit.remarks import structure_remarks
from bench.audit.signs import wrong_signs
from bench.audit.sum_rules import resolution, sum_rules
from bench.config.schema import SystemConfig
from bench.data.checks import check_geometry, check_identity, check_set, numbers
from bench.data.dataset import load_dataset
from bench.data.extxyz import read_extxyz
from bench.errors import BenchError
from bench.labels.keys import SPLITS
from bench.labels.quantities import DIPOLE, MULTIPOLES, POLARIZABILITY, labels
from bench.paths import shipped
from bench.reference.build import count_splits
from bench.reference.field_series import add_polarizabilities
from bench.reference.import_boundary import reconcile
from bench.reference.import_identity import (
    Member,
    assign_splits,
    name_and_group,
    spin_states,
    without_repeats,
)
from bench.reference.import_options import Import, Stated, read_options
from bench.reference.import_unused import (
    not_kept,
    other_order,
    refuse_bulk_in_field,
    unused,
    without_isolated_atoms,
)
from bench.reference.import_values import convert, find, found_keys
from bench.storage import write_frames, write_yaml

_FILE, _CARD = "structures.extxyz", "card.yaml"
_DERIVED = f"{POLARIZABILITY.reference_key} derived from one geometry's dipoles in several fields"


def import_file(options: Import) -> Path:
    """Write ./datasets/<name>/ and ./conf/system/<name>.yaml once a run would accept them.

    Args:
        options: the file and what is stated of it.

    Returns:
        The dataset's folder.

    Raises:
        BenchError: unreadable file, missing key, unknown unit, data that no run accepts, or the
            name is taken or no name.
    """
    stated = read_options(options)
    folder = _destination(options)
    path = Path(options.file)
    by_index, left_out = without_isolated_atoms(read_extxyz(path))
    if not by_index:
        raise BenchError(f"{path} holds no structure to learn from.")
    for index, atoms in by_index.items():
        check_geometry(atoms, f"{path}, structure {index}")
    refuse_bulk_in_field(by_index, stated, path)
    _refuse_unknown_keys([*by_index.values()], stated, path)
    by_index, lines = reconcile(by_index, options.boundary, path)
    read = {i: convert(a, stated, f"{path}, structure {i}") for i, a in by_index.items()}
    members, repeats = without_repeats([Member(i, by_index[i], read[i]) for i in read], path)
    sources = [*by_index.values()]
    frames = [member.frame for member in members]
    _split(members, options, path)
    derived = add_polarizabilities(frames)
    resolutions = _resolutions(sources, stated)
    for line in (
        *left_out,
        *lines,
        *unused(sources, stated),
        *not_kept(sources, stated),
        *([f"note: exact repeats dropped: structures {', '.join(repeats)}"] if repeats else []),
        *([f"note: {_DERIVED}, of {derived} structures"] if derived else []),
        *spin_states(members),
        *_look(members, stated, resolutions),
    ):
        print(line)
    card = _card(path, options, frames, resolutions)
    _write(folder, frames, card | {"repeats": repeats} if repeats else card)
    write_yaml(_config_path(options.name), _config(options))
    return folder


def _destination(options: Import) -> Path:
    """Where an import may write: neither taken nor a generated system's."""
    folder = Path("datasets") / options.name
    for place in (folder, shipped("datasets") / options.name):
        if (place / "plan.extxyz").exists() or (place / "recipe.yaml").exists():
            raise BenchError(f"{place} was generated and has a plan.", "Take another name=.")
    for taken in (folder, _config_path(options.name)):
        if taken.exists() and not options.overwrite:
            raise BenchError(f"{taken} exists.", "Another name=, or overwrite=true.")
    return folder


def _refuse_unknown_keys(sources: Sequence[Atoms], stated: Stated, path: Path) -> None:
    """A key that the user named and no structure has is a typing mistake, not a missing label."""
    strange = [
        f"map.{name}={stated.keys[name]}"
        for name in sorted(stated.named)
        if all(find(atoms, stated.keys[name]) is None for atoms in sources)
    ]
    if strange:
        found = sorted({key for atoms in sources for key in found_keys(atoms)})
        raise BenchError(
            f"{path}: no structure has {', '.join(strange)}.", f"Keys found: {', '.join(found)}."
        )


def _split(members: Sequence[Member], options: Import, path: Path) -> None:
    """Names, groups and splits, checked as a run checks them."""
    frames = [member.frame for member in members]
    if not all("split" in atoms.info or "trajectory" in atoms.info for atoms in frames):
        print(
            "warning: without map.trajectory and map.split every geometry is split by chance, so "
            "frames of one molecular dynamics run would be in training and test"
        )
    name_and_group(members, options.name)
    assign_splits(
        frames, valid=options.valid_fraction, test=options.test_fraction, seed=options.seed
    )
    check_identity(frames, str(path))
    check_set({s: [a for a in frames if a.info["split"] == s] for s in SPLITS}, str(path))


def _resolutions(sources: Sequence[Atoms], stated: Stated) -> dict[str, float]:
    """The step of multipoles and dipole by the file's decimals, in our units."""
    steps = {}
    for label in (MULTIPOLES, DIPOLE):
        key, factor = stated.keys[label.name], abs(stated.factors[label.name])
        found = (find(atoms, key, per_atom=label.per_atom) for atoms in sources)
        values = [numbers(value, key).ravel() for value in found if value is not None]
        step = resolution(np.concatenate(values)) if values else 0.0
        if step:
            steps[label.reference_key] = float(step * max(factor, 1.0 if label.per_atom else 0.0))
    return steps


def _look(members: Sequence[Member], stated: Stated, resolutions: dict[str, float]) -> list[str]:
    """Lines on what a person should look at before training."""
    frames, names = [m.frame for m in members], [m.name for m in members]
    rules = sum_rules(frames, resolutions)
    return [
        *(f"warning: {sign.line(stated.signs)}" for sign in wrong_signs(frames)),
        *(f"{'warning' if rule.broken else 'note'}: {rule.line(names)}" for rule in rules),
        *other_order(frames, stated),
        *(f"look: {line}" for line in structure_remarks(frames, names)),
    ]


def _card(
    path: Path, options: Import, frames: Sequence[Atoms], resolutions: dict[str, float]
) -> dict[str, Any]:
    """What card.yaml says, but for the data file's checksum."""
    described: dict[str, dict[str, Any]] = {}
    for label in labels().values():
        key = label.reference_key
        count = sum(key in (a.arrays if label.per_atom else a.info) for a in frames)
        if count:
            known = {"unit": label.unit, "required": count == len(frames)}
            described[key] = known | {"description": label.description}
        if count and key in resolutions:
            described[key]["resolution"] = resolutions[key]
    words = {k: v for k, v in vars(options).items() if v not in ("", False, {}, [])}
    return {
        "system": options.name,
        "title": options.description or f"imported from {path.name}",
        "boundary": options.boundary,
        "labels": described,
        "counts": {"total": len(frames), "subsets": count_splits(frames)},
        "imported": {
            "file": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "options": words,
        },
    }


def _config_path(name: str) -> Path:
    return Path("conf/system") / f"{name}.yaml"


def _config(options: Import) -> dict[str, str]:
    return {"name": options.name, "description": options.description or "imported data"}


def _write(folder: Path, frames: Sequence[Atoms], card: dict[str, Any]) -> None:
    """Data and card, both or neither."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        new = Path(temporary)
        write_frames(new / _FILE, frames)
        digest = hashlib.sha256((new / _FILE).read_bytes()).hexdigest()
        write_yaml(new / _CARD, card | {"files": [{"name": _FILE, "sha256": digest}]})
        try:
            load_dataset(SystemConfig(name=folder.name, path=temporary))  # the last word of a run
        except BenchError as error:
            raise BenchError(error.problem.replace(temporary, str(folder)), error.mend) from error
        folder.mkdir(exist_ok=True)
        for file in (_FILE, _CARD):
            (new / file).replace(folder / file)
