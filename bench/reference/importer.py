"""``bench data import``: a user's own extxyz file becomes a system that ``bench run`` accepts.

Nothing is guessed: keys, units, signs, boundary and splits are in the file or stated.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import yaml
from ase import Atoms, units
from ase.io import read, write
from ase.stress import voigt_6_to_full_3x3_stress

from bench.config.options import REQUIRED, Range, parse_options
from bench.config.schema import SystemConfig
from bench.data.dataset import load_dataset
from bench.density.constants import COULOMB_CONSTANT
from bench.errors import BenchError, nearest
from bench.labels.keys import E3NN_FROM_CARTESIAN, IDENTITY_KEYS, LABELS, SPLITS
from bench.paths import shipped
from bench.reference.audit import audit
from bench.reference.build import count_splits

_DIPOLE_UNITS = {"eA": 1.0, "e_bohr": units.Bohr, "debye": units.Debye}
UNITS: dict[str, dict[str, float]] = {
    "energy": {"eV": 1.0, "hartree": units.Hartree, "kcal/mol": units.kcal / units.mol},
    "forces": {"eV/A": 1.0, "hartree/bohr": units.Hartree / units.Bohr},
    "multipoles": _DIPOLE_UNITS,  # of the dipoles; charges are in e
    "dipole": _DIPOLE_UNITS,
    "fermi_level": {"eV": 1.0, "hartree": units.Hartree},
    "stress": {"eV/A^3": 1.0, "GPa": units.GPa, "kbar": 0.1 * units.GPa},
    "polarizability": {  # the volume α / 4πε₀ of quantum chemistry is k_e times ∂M/∂E
        "eA^2/V": 1.0,
        "A^3": 1.0 / COULOMB_CONSTANT,
        "bohr^3": units.Bohr**3 / COULOMB_CONSTANT,
    },
    "field": {"V/A": 1.0, "au": units.Hartree / units.Bohr},
}
BOUNDARIES = {"bulk": (True, True, True), "slab": (True, True, False), "open": (False,) * 3}
_MASKS = {"slab": (0, 0, 1), "open": (1, 1, 1)}
_OTHER = ("total_charge", "multiplicity", *IDENTITY_KEYS)
MAPPED = (*UNITS, *_OTHER)
DEFAULTS: dict[str, Any] = {
    "name": REQUIRED,
    "boundary": REQUIRED,
    "description": "",
    "total_charge": "",
    "field": "",
    "multipoles_order": "e3nn",
    "valid_fraction": 0.1,
    "test_fraction": 0.2,
    "seed": 0,
    "overwrite": False,
}
_RANGES: dict[str, Range] = {"valid_fraction": (0, 1), "test_fraction": (0, 1), "seed": (0, None)}


@dataclass(frozen=True)
class Mapping:
    """How a file's keys, units and signs become ours.

    Attributes:
        keys: the file's key by our name; ours where the user named none.
        factors: file's value times this is ours, by name.
        boundary: bulk, slab or open.
        cartesian: whether the file's multipoles are (q, d_x, d_y, d_z) instead of e3nn's order.
        stated: values that the user gave for all structures: total_charge (e), field (V/Å along z).
    """

    keys: dict[str, str]
    factors: dict[str, float]
    boundary: str
    cartesian: bool
    stated: dict[str, float]


def main(argv: list[str]) -> int:
    """Import one file; 0 when ``bench run`` will accept the system, 1 on a violation."""
    if not argv or "=" in argv[0]:
        raise BenchError(
            "bench data import: no file.", "bench data import FILE name=... boundary=..."
        )
    prefixes = ("map.", "unit.", "sign.")
    verb = "bench data import"
    options = parse_options(argv[1:], DEFAULTS, verb=verb, prefixes=prefixes, ranges=_RANGES)
    folder = import_file(Path(argv[0]), options)
    dataset = load_dataset(SystemConfig(name=options["name"], path=str(folder)))
    print("\n".join(dataset.summary()))
    result = audit(dataset)
    for line in result.remarks:
        print(f"look: {line}")
    for line in result.violations:
        print(f"violation: {line}")
    print(f"{folder}: bench run system={options['name']}")
    return 1 if result.violations else 0


def import_file(path: Path, options: dict[str, Any]) -> Path:
    """Write ./datasets/<name>/ and ./conf/system/<name>.yaml once a run would accept them.

    Args:
        path: the user's extxyz file.
        options: as in ``DEFAULTS``, and ``map.*``, ``unit.*``, ``sign.*``.

    Returns:
        The dataset's folder.

    Raises:
        BenchError: unreadable file, missing key, unknown unit, data that no run accepts, or the
            name is taken or no name.
    """
    mapping = read_mapping(options)
    name = options["name"]
    folder = _destination(name, overwrite=options["overwrite"])
    frames = [
        convert(atoms, mapping, f"{path}, structure {i}") for i, atoms in enumerate(_read(path))
    ]
    if not all("split" in atoms.info or "trajectory" in atoms.info for atoms in frames):
        print(
            "warning: without map.trajectory and map.split every geometry is split by chance, so "
            "frames of one molecular dynamics run would be in training and test"
        )
    frames = group_and_name(frames, name)
    assign_splits(
        frames, valid=options["valid_fraction"], test=options["test_fraction"], seed=options["seed"]
    )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=f".{name}-") as temporary:
        new = Path(temporary)
        write(new / "structures.extxyz", frames, format="extxyz")
        _write_yaml(new / "card.yaml", _card(path, options, mapping, frames, new))
        load_dataset(SystemConfig(name=name, path=temporary))
        folder.mkdir(exist_ok=True)
        for file in ("structures.extxyz", "card.yaml"):
            (new / file).replace(folder / file)
    _write_yaml(Path("conf/system") / f"{name}.yaml", _config(options))
    return folder


def _destination(name: str, *, overwrite: bool) -> Path:
    """Where an import may write: a plain name, neither taken nor a generated system's."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise BenchError(f"name={name!r} is no name.", "Allowed: letters, digits, _ and -.")
    folder = Path("datasets") / name
    for place in (folder, shipped("datasets") / name):
        if (place / "plan.extxyz").exists() or (place / "recipe.yaml").exists():
            raise BenchError(f"{place} was generated and has a plan.", "Take another name=.")
    if folder.exists() and not overwrite:
        raise BenchError(f"{folder} exists.", "Another name=, or overwrite=true.")
    return folder


def _write_yaml(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def read_mapping(options: dict[str, Any]) -> Mapping:
    """Check the stated keys, units and signs.

    Raises:
        BenchError: an unknown label, unit, sign, order or boundary.
    """
    keys = {name: _our_key(name) for name in MAPPED}
    factors = dict.fromkeys(UNITS, 1.0)
    for option, text in options.items():
        kind, dot, name = option.partition(".")
        if not dot:
            continue
        if name not in (MAPPED if kind == "map" else UNITS):
            raise BenchError(f"{option}={text}: no such label.", nearest(name, MAPPED))
        if kind == "map":
            keys[name] = text
        elif kind == "unit":
            _one_of(text, UNITS[name], option)
            factors[name] *= UNITS[name][text]
        else:
            _one_of(text, ("1", "-1"), option)
            factors[name] *= float(text)
    _one_of(options["boundary"], BOUNDARIES, "boundary")
    _one_of(options["multipoles_order"], ("e3nn", "cartesian"), "multipoles_order")
    stated = {k: _number(options[k], k) for k in ("total_charge", "field") if options[k] != ""}
    if options["boundary"] == "bulk":
        stated.setdefault("field", 0.0)  # a bulk crystal has no open axis for a field
    cartesian = options["multipoles_order"] == "cartesian"
    return Mapping(keys, factors, options["boundary"], cartesian, stated)


def _number(text: str, option: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise BenchError(
            f"{option}={text!r} is no number.", f"{option}=0, for all structures of the file."
        ) from error


def _our_key(name: str) -> str:
    return LABELS[name].reference_key if name in LABELS else _plain_key(name)


def _plain_key(name: str) -> str:
    return "electric_field" if name == "field" else name


def _one_of(value: str, allowed: Any, option: str) -> None:
    if value not in allowed:
        raise BenchError(f"{option}={value!r} is not known.", nearest(value, allowed))


def _read(path: Path) -> list[Atoms]:
    try:
        frames: list[Atoms] = read(path, ":", format="extxyz")
    except Exception as error:
        raise BenchError(f"{path} cannot be read as extxyz: {error}") from error
    return frames


def convert(atoms: Atoms, mapping: Mapping, where: str) -> Atoms:
    """One structure of the file with our keys, units and signs.

    Raises:
        BenchError: energy, forces, total charge or field are missing, or a shape is wrong.
    """
    pbc = BOUNDARIES[mapping.boundary]
    frame = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=pbc)
    for name, label in LABELS.items():
        value = _find(atoms, mapping.keys[name])
        if value is None:
            continue
        value = np.asarray(value, dtype=float)
        if name == "multipoles":
            value = _multipoles(value, len(atoms), mapping, where)
        else:
            value = value * mapping.factors[name]
        if name == "stress" and value.size == 6:
            value = voigt_6_to_full_3x3_stress(value)
        store = frame.arrays if label.per_atom else frame.info
        store[label.reference_key] = float(value) if value.ndim == 0 else value
    for name in ("energy", "forces"):
        key = LABELS[name].reference_key
        if key not in frame.info and key not in frame.arrays:
            found = sorted(
                [*atoms.info, *atoms.arrays, *(atoms.calc.results if atoms.calc else ())]
            )
            raise BenchError(
                f"{where}: no {name} under {mapping.keys[name]!r}.",
                f"Name its key: map.{name}=... (found: {', '.join(found)}).",
            )
    _mask_dipole(frame, mapping.boundary)
    _add_state(frame, atoms, mapping, where)
    return frame


def _mask_dipole(frame: Atoms, boundary: str) -> None:
    """Say which components of the dipole mean something; of a bulk crystal none does."""
    found = [key for key in ("REF_dipole", "REF_polarizability") if key in frame.info]
    if found and boundary in _MASKS:
        frame.info["dipole_mask"] = np.array(_MASKS[boundary])
    elif found:
        for key in found:
            del frame.info[key]


def _find(atoms: Atoms, key: str) -> Any:
    """A value under ``key``: per structure, per atom, or where ase hides "energy" and "forces"."""
    for store in (atoms.info, atoms.arrays, atoms.calc.results if atoms.calc else {}):
        if key in store:
            return store[key]
    return None


def _multipoles(value: np.ndarray, count: int, mapping: Mapping, where: str) -> np.ndarray:
    if value.size not in (count, 4 * count):
        raise BenchError(
            f"{where}: {mapping.keys['multipoles']} has shape {value.shape}, expected "
            f"({count}, 4): a charge and a dipole per atom."
        )
    if value.size == count:
        raise BenchError(
            f"{where}: {mapping.keys['multipoles']} holds charges only.",
            "Add three columns with the atomic dipoles (zeros state that there are none).",
        )
    value = value.reshape(count, 4)
    dipoles = value[:, 1:][:, E3NN_FROM_CARTESIAN] if mapping.cartesian else value[:, 1:]
    factor = mapping.factors["multipoles"]
    return np.column_stack([value[:, 0] * np.sign(factor), dipoles * factor])


def _add_state(frame: Atoms, atoms: Atoms, mapping: Mapping, where: str) -> None:
    charge = _find(atoms, mapping.keys["total_charge"])
    charge = mapping.stated.get("total_charge") if charge is None else charge
    field = _find(atoms, mapping.keys["field"])
    if field is None and "field" in mapping.stated:
        field = [0.0, 0.0, mapping.stated["field"]]
    for name, value in (("total_charge", charge), ("field", field)):
        if value is None:
            raise BenchError(
                f"{where}: no {name} under {mapping.keys[name]!r}.",
                f"Name its key (map.{name}=...) or state it for all structures ({name}=0).",
            )
    frame.info["total_charge"] = float(np.asarray(charge).item())
    vector = np.atleast_1d(np.asarray(field, dtype=float)) * mapping.factors["field"]
    frame.info["electric_field"] = vector if vector.size == 3 else np.array([0.0, 0.0, vector[0]])
    for name in ("multiplicity", *IDENTITY_KEYS):
        value = _find(atoms, mapping.keys[name])
        if value is not None:
            frame.info[name] = value


def group_and_name(frames: Sequence[Atoms], name: str) -> list[Atoms]:
    """Give uid, group, subset and trajectory where the file has none, and drop duplicates.

    Structures of equal geometry (to 1e-4 Å) belong to one group; of those in the same charge and
    field only the first stays.
    """
    kept: dict[tuple[str, float, tuple[float, ...]], Atoms] = {}
    for atoms in frames:
        geometry = _fingerprint(atoms)
        field = tuple(np.round(atoms.info["electric_field"], 6).tolist())
        if kept.setdefault((geometry, atoms.info["total_charge"], field), atoms) is atoms:
            number = len(kept) - 1
            defaults = {"uid": f"{name}{number:05d}", "group": geometry, "subset": "all"}
            for key, value in defaults.items():
                atoms.info.setdefault(key, value)
            atoms.info.setdefault("trajectory", atoms.info["group"])
    if len(kept) < len(frames):
        print(f"{len(frames) - len(kept)} duplicates dropped (same geometry, charge and field)")
    return list(kept.values())


def _fingerprint(atoms: Atoms) -> str:
    parts = (atoms.numbers, atoms.positions.round(4) + 0.0, atoms.cell.array.round(4) + 0.0)
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts))
    return f"g{digest.hexdigest()[:12]}"  # a letter first: extxyz would read 12e45678 as a number


def assign_splits(frames: Sequence[Atoms], *, valid: float, test: float, seed: int) -> None:
    """Give whole trajectories to train, valid and test where the file says no split.

    Raises:
        BenchError: some structures have a split and some have none, or there are too few
            trajectories for these fractions.
    """
    have = sum("split" in atoms.info for atoms in frames)
    if have == len(frames):
        return
    if have:
        raise BenchError(f"{have} of {len(frames)} structures have a split.", "Give all or none.")
    names = sorted({str(atoms.info["trajectory"]) for atoms in frames})
    if len(names) < 3:
        raise BenchError(
            f"{len(names)} independent geometries cannot be split over train, valid and test.",
            "Add structures, or name the key of your own splits: map.split=...",
        )
    np.random.default_rng(seed).shuffle(names)
    tests, valids = (max(1, round(f * len(names))) for f in (test, valid))
    if tests + valids >= len(names):
        raise BenchError(
            f"test_fraction={test} and valid_fraction={valid} leave none of {len(names)} "
            "geometries for training.",
            "Smaller fractions.",
        )
    split = dict.fromkeys(names, SPLITS[0])
    split |= dict.fromkeys(names[:tests], SPLITS[2])
    split |= dict.fromkeys(names[tests : tests + valids], SPLITS[1])
    for atoms in frames:
        atoms.info["split"] = split[str(atoms.info["trajectory"])]


def _card(
    path: Path, options: dict[str, Any], mapping: Mapping, frames: Sequence[Atoms], folder: Path
) -> dict[str, Any]:
    data = (folder / "structures.extxyz").read_bytes()
    labels = {}
    for label in LABELS.values():
        count = sum(label.reference_key in (a.arrays if label.per_atom else a.info) for a in frames)
        if count:
            labels[label.reference_key] = {
                "unit": label.unit,
                "required": count == len(frames),
                "description": label.description,
            }
    return {
        "system": options["name"],
        "title": options["description"] or f"imported from {path.name}",
        "boundary": mapping.boundary,
        "labels": labels,
        "counts": {"total": len(frames), "subsets": count_splits(frames)},
        "imported": {
            "file": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "options": {k: v for k, v in options.items() if v not in ("", False)},
        },
        "files": [{"name": "structures.extxyz", "sha256": hashlib.sha256(data).hexdigest()}],
    }


def _config(options: dict[str, Any]) -> dict[str, str]:
    text = options["description"] or "imported data"
    return {"name": options["name"], "description": text}
