"""Error bars of the labels: below them no difference between models counts.

Some come free from the labels (dipole against the energies of a field series, spins, sum rules);
the others need calculations of their own, planned here and run by the same generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from scipy.interpolate import CubicHermiteSpline, make_interp_spline

from bench.errors import BenchError
from bench.labels.keys import ELECTRIC_FIELD_KEY, TOTAL_CHARGE_KEY
from bench.labels.quantities import DIPOLE, ENERGY, FERMI_LEVEL, FORCES, MULTIPOLES
from bench.reference.build import labelled_frame
from bench.reference.store import Store
from bench.storage import write_json

DISPLACEMENT = 0.01  # Å: the cubic term is then below the noise of the energy
_TIGHTER = {"cutoff": 600, "eps_scf": 1e-7}
_EXTRA_VACUUM = 5.0  # Å
_OF_THE_PARTITION = ("charge_rms_e", "atomic_dipole_rms_e_angstrom")
_NOISE_STRUCTURES = 3
_SPLINE_FIELDS = 4  # a cubic spline needs as many
Label = dict[str, Any]


def validation_store(store: Store) -> Store:
    """Where the plan and labels of the validation calculations are: ``validation`` beside them."""
    return Store(store.folder / "validation")


def plan_validation(store: Store) -> list[Atoms]:
    """Structures to calculate for the error bars, the most telling first.

    Forces: one structure (in a field, for a slab), three components displaced both ways.
    Vacuum: one slab in a higher cell. Noise: three structures with twice the cutoff, with a tighter
    SCF, and, where there are k-points, with more of them. All are of the most frequent composition:
    what a setting adds per element is no error, its variation is.

    Raises:
        BenchError: nothing is labelled yet.
    """
    labelled = _labelled(store)
    slab = not labelled[0].pbc.all()
    elements = max(len(set(a.numbers)) for a in labelled)
    telling = _same_composition([a for a in labelled if len(set(a.numbers)) == elements])
    start = next((a for a in telling if a.info["field"] != 0.0), telling[0])
    groups = {a.info["group"]: a for a in reversed(telling)} | {start.info["group"]: start}
    others = [a for a in groups.values() if a is not start][::-1]
    spread = others[:: max(1, len(others) // (_NOISE_STRUCTURES - 1))]
    plan = _displaced(start) + ([_with_vacuum(start)] if slab else [])
    for atoms in [start, *spread][:_NOISE_STRUCTURES]:
        plan += [_variant(atoms, f"tighter_{key}", {key: value}) for key, value in _TIGHTER.items()]
        if atoms.info["k_points"] != "1x1x1":
            plan.append(_variant(atoms, "tighter_k_points", {"k_points": "5x5x1"}))
    return plan


def _labelled(store: Store) -> list[Atoms]:
    done = store.labelled()
    labelled = [a for a in store.plan() if a.info["uid"] in done]
    if not labelled:
        raise BenchError(
            f"{store.folder} has no labels to validate.",
            f"bench data generate system={store.system}",
        )
    return labelled


def _same_composition(frames: Sequence[Atoms]) -> list[Atoms]:
    formulas = [a.get_chemical_formula() for a in frames]
    frequent = max(formulas, key=formulas.count)
    return [a for a, formula in zip(frames, formulas) if formula == frequent]


def _variant(atoms: Atoms, name: str, changes: dict[str, Any]) -> Atoms:
    copy: Atoms = atoms.copy()
    uid = atoms.info["uid"]
    copy.info.update(uid=f"{uid}-{name}", group=uid, subset=name, reference=uid, **changes)
    return copy


def _displaced(atoms: Atoms) -> list[Atoms]:
    """Three components, one per kind of atom as far as there are kinds, both directions."""
    kinds = sorted(set(atoms.numbers))
    plan = []
    for axis in range(3):
        chosen = np.flatnonzero(atoms.numbers == kinds[axis % len(kinds)])
        index = int(chosen[np.argmax(atoms.positions[chosen, 2])])
        for sign in (1, -1):
            name = f"atom{index}{'xyz'[axis]}{'+' if sign > 0 else '-'}"
            copy = _variant(atoms, name, {"atom": index, "axis": axis, "sign": sign})
            copy.positions[index, axis] += sign * DISPLACEMENT
            copy.info["subset"] = "displaced"
            plan.append(copy)
    return plan


def _with_vacuum(atoms: Atoms) -> Atoms:
    copy = _variant(atoms, "more_vacuum", {})
    copy.cell[2, 2] += _EXTRA_VACUUM
    copy.positions[:, 2] += _EXTRA_VACUUM / 2
    return copy


def validate(store: Store) -> dict[str, Any]:
    """Evaluate what is there and write validation.json, which the card takes over.

    Raises:
        BenchError: nothing is labelled yet.
    """
    result: dict[str, Any] = {}
    plan = {a.info["uid"]: a for a in _labelled(store)}
    labels = {uid: store.read_label(uid) for uid in plan}
    result |= _spins(labels)
    result |= _dipole_against_energy([labelled_frame(plan[uid], labels[uid]) for uid in plan])
    extra = validation_store(store)
    if (extra.folder / "plan.extxyz").is_file():
        variants = [a for a in extra.plan() if a.info["uid"] in extra.labelled()]
        found = [(a, extra.read_label(a.info["uid"])) for a in variants]
        result |= _forces(found, labels)
        result |= _noise(found, plan, labels)
    write_json(store.folder / "validation.json", result)
    return result


def _spins(labels: dict[str, Label]) -> dict[str, Any]:
    """Integrated spin (ideal: 1 for a doublet) and S² (ideal: 0.75) of open shells.

    The first open shells have no spin density; their Mulliken spins add up to the same number.
    """
    integrated = {uid: x["integrated_spin"] for uid, x in labels.items() if "integrated_spin" in x}
    spins = {uid: sum(x["spins"]) for uid, x in labels.items() if x.get("spins") is not None}
    spins |= integrated
    if not spins:
        return {}
    worst = max(spins, key=lambda uid: abs(spins[uid] - 1.0))
    absolute = [labels[uid]["integrated_absolute_spin"] for uid in integrated]
    squared = [labels[uid]["s_squared"] for uid in spins]
    squared = [value for value in squared if value is not None]
    return {
        "integrated_spin": {
            "structures": len(spins),
            "by_mulliken_spins_alone": len(spins) - len(integrated),
            "largest_deviation_from_1": _short(abs(spins[worst] - 1.0)),
            "structure": worst,
            "absolute_spin_density_range": [_short(v) for v in _ends(absolute)],
            "s_squared_range": [round(v, 4) for v in _ends(squared)],
        }
    }


def _ends(values: Sequence[float]) -> list[float]:
    """Smallest and largest, nothing of nothing."""
    return [min(values), max(values)] if values else []


def _dipole_against_energy(frames: Sequence[Atoms]) -> dict[str, Any]:
    """E(2) − E(1) against −∫ μ dE between neighbouring felt fields of one geometry, over the step.

    A series of ``_SPLINE_FIELDS`` fields or more is integrated by a cubic spline, so what is left
    is the dipole's error. Two fields know only the straight line between them (exact for a linear
    response); Pt with water responds so non-linearly that this alone is up to 1e-2 e Å.
    """
    groups: dict[str, list[Atoms]] = {}
    for atoms in frames:
        if DIPOLE.reference_key in atoms.info and atoms.info[TOTAL_CHARGE_KEY] == 0:
            groups.setdefault(atoms.info["group"], []).append(atoms)
    series, pairs = [], []
    for members in groups.values():
        members.sort(key=lambda a: a.info[ELECTRIC_FIELD_KEY][2])
        if len(members) >= _SPLINE_FIELDS:
            series += _mismatches(members, degree=3)
        elif len(members) > 1:
            pairs += _mismatches(members, degree=1)
    summaries = {
        "dipole_against_minus_dE_dfield": series,
        "dipole_against_minus_dE_dfield_curvature_included": pairs,
    }
    return {name: _summary(found) for name, found in summaries.items() if found}


def _mismatches(members: Sequence[Atoms], *, degree: int) -> list[tuple[float, float]]:
    """Per pair of neighbouring fields: step (V/Å) and mismatch of the energies (eV)."""
    fields = np.array([a.info[ELECTRIC_FIELD_KEY][2] for a in members])
    energies = np.array([a.info[ENERGY.reference_key] for a in members])
    dipoles = np.array([a.info[DIPOLE.reference_key][2] for a in members])
    work = make_interp_spline(fields, dipoles, k=degree).antiderivative()(fields)
    mismatch = np.diff(energies) + np.diff(work)
    return list(zip(np.diff(fields).tolist(), mismatch.tolist()))


def _summary(found: Sequence[tuple[float, float]]) -> dict[str, Any]:
    steps, mismatches = np.array(found).T
    errors = abs(mismatches / steps)
    return {
        "pairs": len(errors),
        "median_e_angstrom": _short(float(np.median(errors))),
        "rms_e_angstrom": _short(float(np.sqrt(np.mean(np.square(errors))))),
        "largest_e_angstrom": _short(float(errors.max())),
        "largest_energy_mismatch_meV": _short(1e3 * float(abs(mismatches).max())),
    }


def _forces(found: Sequence[tuple[Atoms, Label]], labels: dict[str, Label]) -> dict[str, Any]:
    """Forces against central differences of the energy that CP2K's forces belong to."""
    energies: dict[tuple[str, int, int], dict[int, float]] = {}
    for atoms, label in found:
        if atoms.info["subset"] == "displaced":
            key = (atoms.info["reference"], int(atoms.info["atom"]), int(atoms.info["axis"]))
            energies.setdefault(key, {})[int(atoms.info["sign"])] = label["energy"]
    components = []
    for (uid, atom, axis), pair in energies.items():
        if len(pair) == 2:
            numeric = -(pair[1] - pair[-1]) / (2 * DISPLACEMENT)
            force = labels[uid]["forces"][atom][axis]
            components.append(
                {
                    "structure": uid,
                    "atom": atom,
                    "axis": "xyz"[axis],
                    "force_eV_per_angstrom": round(force, 4),
                    "finite_difference_eV_per_angstrom": round(numeric, 4),
                    "difference_meV_per_angstrom": _short(1e3 * (force - numeric)),
                }
            )
    return {"forces_against_finite_differences": components} if components else {}


def _noise(
    found: Sequence[tuple[Atoms, Label]], plan: dict[str, Atoms], labels: dict[str, Label]
) -> dict[str, Any]:
    """What tighter settings change: the label noise, by setting and structure.

    Multipoles are compared only where both calculations were partitioned with the same free atoms;
    ``multipoles_not_compared`` lists the others.
    """
    result: dict[str, dict[str, dict[str, float]]] = {}
    left_out = []
    for atoms, label in found:
        uid, kind = atoms.info["reference"], atoms.info["subset"]
        if kind == "displaced":
            continue
        tight, usual = labelled_frame(atoms, label), labelled_frame(plan[uid], labels[uid])
        if kind == "more_vacuum":  # the same applied field is felt differently in a higher cell
            group = [u for u, a in plan.items() if a.info["group"] == plan[uid].info["group"]]
            if len(group) > 1:
                series = [labelled_frame(plan[u], labels[u]) for u in group]
                usual = at_felt_field(series, tight.info[ELECTRIC_FIELD_KEY][2])
            usual.info.pop(FERMI_LEVEL.reference_key, None)  # its zero moves with the cell
        change = compare_frames(usual, tight)
        if label["provenance"].get("proatoms") != labels[uid]["provenance"].get("proatoms"):
            left_out.append(atoms.info["uid"])
            change = {k: v for k, v in change.items() if k not in _OF_THE_PARTITION}
        result.setdefault(kind, {})[uid] = change
    for structures in result.values():
        _add_variation(structures, {uid: plan[uid].get_chemical_formula() for uid in structures})
        for change in structures.values():
            change.update({key: _short(value) for key, value in change.items()})
    listed = {"multipoles_not_compared": left_out} if left_out else {}
    return {"label_noise": result, **listed} if result else {}


def _add_variation(structures: dict[str, dict[str, float]], formulas: dict[str, str]) -> None:
    """Beside each change of the energy, what of it is not the same for the whole composition.

    Models take up a constant per element, so only this part is an error of the labels.  It is a
    thousandth of the change itself: the changes must not have been rounded.
    """
    for uid, change in structures.items():
        alike = [
            structures[u]["energy_meV_per_atom"] for u in formulas if formulas[u] == formulas[uid]
        ]
        if len(alike) > 1:
            variation = change["energy_meV_per_atom"] - float(np.mean(alike))
            change["energy_variation_meV_per_atom"] = variation


def at_felt_field(series: Sequence[Atoms], field: float) -> Atoms:
    """The labels of one geometry at a field (V/Å along z) between those that were calculated.

    The energy by cubic Hermite interpolation, its slope being minus the dipole; dipole, forces and
    multipoles by a spline as high as the number of fields allows.
    """
    series = sorted(series, key=lambda a: a.info[ELECTRIC_FIELD_KEY][2])
    fields = np.array([a.info[ELECTRIC_FIELD_KEY][2] for a in series])
    order = min(3, len(fields) - 1)

    def between(values: list[Any]) -> Any:
        return make_interp_spline(fields, np.array(values), k=order)(field)

    frame: Atoms = series[0].copy()
    dipoles = [a.info[DIPOLE.reference_key] for a in series]
    energies = [a.info[ENERGY.reference_key] for a in series]
    slopes = [-dipole[2] for dipole in dipoles]
    frame.info[ENERGY.reference_key] = float(CubicHermiteSpline(fields, energies, slopes)(field))
    frame.info[DIPOLE.reference_key] = between(dipoles)
    frame.info[ELECTRIC_FIELD_KEY] = np.array([0.0, 0.0, field])
    for key in (FORCES.reference_key, MULTIPOLES.reference_key):
        frame.arrays[key] = between([a.arrays[key] for a in series])
    return frame


def compare_frames(usual: Atoms, tight: Atoms) -> dict[str, float]:
    """Differences of the labels of one structure under two settings, in the units of the keys."""
    change = tight.arrays[FORCES.reference_key] - usual.arrays[FORCES.reference_key]
    multipoles = tight.arrays[MULTIPOLES.reference_key] - usual.arrays[MULTIPOLES.reference_key]
    energy = tight.info[ENERGY.reference_key] - usual.info[ENERGY.reference_key]
    result = {
        "energy_meV_per_atom": 1e3 * energy / len(usual),
        "force_rms_meV_per_angstrom": 1e3 * float(np.sqrt((change**2).mean())),
        "force_largest_meV_per_angstrom": 1e3 * float(np.abs(change).max()),
        "charge_rms_e": float(np.sqrt((multipoles[:, 0] ** 2).mean())),
        "atomic_dipole_rms_e_angstrom": float(np.sqrt((multipoles[:, 1:] ** 2).mean())),
    }
    level, key = FERMI_LEVEL.reference_key, DIPOLE.reference_key
    if key in usual.info:
        result["dipole_e_angstrom"] = tight.info[key][2] - usual.info[key][2]
        fields = [frame.info[ELECTRIC_FIELD_KEY][2] for frame in (usual, tight)]
        result["field_V_per_angstrom"] = fields[1] - fields[0]
    if level in usual.info and level in tight.info:
        result["fermi_level_meV"] = 1e3 * (tight.info[level] - usual.info[level])
    return result


def _short(value: float) -> float:
    return float(f"{value:.3g}")
