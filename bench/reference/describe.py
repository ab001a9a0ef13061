"""The datasets' README and pictures, made from the cards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from ase import Atoms
from ase.data.colors import jmol_colors
from jinja2 import Environment, FileSystemLoader, StrictUndefined, UndefinedError

from bench.config.schema import SystemConfig
from bench.data.dataset import dataset_checksum
from bench.errors import BenchError
from bench.labels.keys import HIRSHFELD_KEY, MULLIKEN_KEY, SPLITS
from bench.labels.quantities import labels
from bench.reference.learning import learning_curves
from bench.reference.store import Store
from bench.runs.collection import Collection
from bench.storage import replacing, write_text, write_yaml

_VACANCY_COLOUR = (0.1, 0.8, 0.2)


def describe(datasets: Path, runs: Collection | None = None) -> Path:
    """Write README.md and one picture per system.

    Args:
        datasets: the folder of all systems; those with a card and a plan are described, imported
            ones are not: their card says it all.
        runs: of several training-set sizes; the cards' learning curves are made from them.

    Raises:
        BenchError: no system was generated here, or a card is older than this version.
    """
    if runs is not None:
        for folder in _generated(datasets):
            _write_learning_curves(folder, runs)
    text = page(datasets)
    for path in _generated(datasets):
        draw_structure(telling_structure(_shown(Store(path))), path / "structure.png")
    return write_text(datasets / "README.md", text)


def page(datasets: Path) -> str:
    """The text of README.md, from the cards alone.

    Raises:
        BenchError: as ``describe``.
    """
    cards = [_card(path) for path in _generated(datasets)]
    if not cards:
        raise BenchError(
            f"{datasets} holds no system that was generated: none has a card and a plan.",
            "`bench data import` describes its systems in card.yaml alone.",
        )
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined
    )
    template = environment.get_template("readme.md.j2")
    used = {key for card in cards for key in card["labels"]}
    try:
        code_keys = (HIRSHFELD_KEY, MULLIKEN_KEY)
        return template.render(
            cards=cards, labels=labels().values(), used=used, code_keys=code_keys
        )
    except UndefinedError as missing:
        raise _stale("NAME", str(missing)) from missing


def _generated(datasets: Path) -> list[Path]:
    """Folders with a card and a plan."""
    cards = sorted(datasets.glob("*/card.yaml"))
    return [card.parent for card in cards if card.with_name("plan.extxyz").is_file()]


def _card(folder: Path) -> dict[str, Any]:
    """A card with what is added up from it: counts of each split, goals, error bars."""
    card: dict[str, Any] = yaml.safe_load((folder / "card.yaml").read_text())
    card = {"goals": [], "learning_curves": []} | card
    counts = card["counts"]["subsets"].values()
    card["splits"] = {split: sum(count.get(split, 0) for count in counts) for split in SPLITS}
    try:
        card["error_bars"] = error_bars(card)
    except KeyError as missing:
        raise _stale(folder.name, str(missing)) from missing
    return card


def _write_learning_curves(folder: Path, runs: Collection) -> None:
    """Into the card, where a later build keeps them as long as the data stay."""
    card = yaml.safe_load((folder / "card.yaml").read_text())
    train = _card(folder)["splits"]["train"]
    checksum = dataset_checksum(SystemConfig(name=folder.name, path=str(folder)))
    card["learning_curves"] = learning_curves(runs, folder.name, checksum, train)
    write_yaml(folder / "card.yaml", card)


def _stale(system: str, missing: str) -> BenchError:
    return BenchError(
        f"A card lacks what the page shows ({system}: {missing}).",
        f"bench data validate system={system} run=false",
    )


def _shown(store: Store) -> list[Atoms]:
    """The structures that have a label; before the first one, those planned."""
    plan, done = store.plan(), store.labelled()
    return [atoms for atoms in plan if atoms.info["uid"] in done] or plan


def telling_structure(plan: Sequence[Atoms]) -> Atoms:
    """The structure to show: with a vacancy if there is one, else with most elements and atoms.

    Larger cells are left out: they show the same.
    """
    usual = plan[0].get_volume()
    chosen = [a for a in plan if abs(a.get_volume() - usual) < 0.1 * usual]
    return max(chosen, key=lambda a: ("vacancy_site" in a.info, len(set(a.numbers)), len(a)))


def draw_structure(atoms: Atoms, path: Path) -> None:
    """Side and top view of a few cells, a vacancy as a green ball."""
    import matplotlib

    matplotlib.use("Agg")
    from ase.visualize.plot import plot_atoms
    from matplotlib import pyplot

    cell = atoms.copy()
    colours = [tuple(jmol_colors[z]) for z in cell.numbers]
    if "vacancy_site" in atoms.info:
        cell += Atoms("H", [atoms.info["vacancy_site"]])
        colours.append(_VACANCY_COLOUR)
    repeats = (1, 1, 2) if atoms.pbc.all() else (2, 2, 1)
    cell.wrap()
    shown = cell * repeats
    figure, axes = pyplot.subplots(1, 2, figsize=(7, 4))
    for axis, rotation in zip(axes, ("-90x,15y,5x", "0x,0y,0z")):
        plot_atoms(
            shown,
            axis,
            rotation=rotation,
            show_unit_cell=0,
            radii=0.6,
            colors=colours * int(np.prod(repeats)),
        )
        axis.set_axis_off()
    axes[0].set_title(f"{path.parent.name}: {atoms.get_chemical_formula(mode='metal')}", fontsize=9)
    figure.tight_layout()
    with replacing(path) as file:
        figure.savefig(file, dpi=110)
    pyplot.close(figure)


def error_bars(card: dict[str, Any]) -> list[tuple[str, str]]:
    """The card's validation in rows a reader can take in."""
    found = card.get("validation") or {}
    rows = []
    for item in found.get("forces_against_finite_differences", []):
        place = f"{item['structure']}, atom {item['atom']} {item['axis']}"
        change = f"{item['difference_meV_per_angstrom']:+.2g} meV/Å"
        rows.append((f"force − finite difference of the energy ({place})", change))
    integrals = {
        "dipole_against_minus_dE_dfield": "neighbours in field series",
        "dipole_against_minus_dE_dfield_curvature_included": "pairs of fields, curvature included",
    }
    for name, what in integrals.items():
        if name in found:
            item = found[name]
            value = (
                f"median {item['median_e_angstrom']:.1g} e Å, rms {item['rms_e_angstrom']:.1g}, "
                f"at most {item['largest_e_angstrom']:.1g}"
            )
            rows.append((f"dipole against −dE/dE, {item['pairs']} {what}", value))
    for kind, structures in found.get("label_noise", {}).items():
        rows.append((kind.replace("_", " "), _noise(list(structures.values()))))
    if "integrated_spin" in found:
        item = found["integrated_spin"]
        value = (
            f"within {item['largest_deviation_from_1']:.0e} of 1 ({item['structure']}), "
            f"S² {item['s_squared_range']}"
        )
        by_mulliken = f"{item['by_mulliken_spins_alone']} by Mulliken spins alone"
        rows.append((f"spin of {item['structures']} open shells, {by_mulliken}", value))
    for kind, item in card.get("sum_rules", {}).items():
        missed = item["largest_electrons_missed"]
        value = (
            f"density off by {'an unknown number of' if missed is None else f'{missed:.1e}'} "
            f"electrons before scaling; raw {item['largest_raw_charge_violation_e']:.0e} e, "
            f"{item['largest_raw_dipole_violation_e_angstrom']:.0e} e Å; corrected by at most "
            f"{item['largest_correction_e_or_e_angstrom']:.0e}"
        )
        rows.append((f"sum rules, {item['structures']} structures ({kind})", value))
    return rows


def _noise(changes: Sequence[dict[str, float]]) -> str:
    """The largest change over the structures of the quantities that matter most."""
    shown = {
        "energy_meV_per_atom": "meV/atom",
        "energy_variation_meV_per_atom": "meV/atom beyond a constant",
        "force_rms_meV_per_angstrom": "meV/Å rms",
        "charge_rms_e": "e rms",
        "dipole_e_angstrom": "e Å",
        "fermi_level_meV": "meV (Fermi level)",
    }
    parts = []
    for key, unit in shown.items():
        values = [abs(change[key]) for change in changes if key in change]
        if values:
            parts.append(f"{max(values):.2g} {unit}")
    return f"{', '.join(parts)} ({len(changes)} structures)"
