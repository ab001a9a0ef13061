"""A point of the design space as an ASE calculator."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ase
import numpy as np
import torch
from ase.calculators.calculator import Calculator, SCFError, all_changes, equal
from ase.data import chemical_symbols
from ase.stress import full_3x3_to_voigt_6_stress
from numpy.typing import ArrayLike, NDArray

from bench.config.schema import Ensemble
from bench.data.batch import build_graph, collate
from bench.data.checks import check_field, check_vacuum
from bench.density.geometry import Boundary
from bench.density.reciprocal import boundary_of
from bench.errors import BenchError, nearest
from bench.inference.export import read_point
from bench.inference.load import load_model
from bench.labels.keys import ELECTRIC_FIELD_KEY, TOTAL_CHARGE_KEY
from bench.labels.state import CHEMICAL_POTENTIAL, read_state, unread
from bench.models.base import Point
from bench.models.prediction import Prediction
from bench.models.registry import with_options

STATE_KEYS = (TOTAL_CHARGE_KEY, ELECTRIC_FIELD_KEY)


class BenchCalculator(Calculator):  # type: ignore[misc]  # ase has no types
    """Energy, forces, stress, dipole and charges of a point, in ASE's units (eV, Å, e).

    ``atoms.info`` may hold ``total_charge`` (e) and ``electric_field`` ([3], V/Å), which go before
    those given here, with a warning where they differ.  A change of either acts at once, wherever
    and however it is made: in ``atoms.info``, with ``set`` or as an attribute, also in place.

    Stress exists for bulk structures, the dipole for the others; of a slab's dipole only z means
    something, x and y are NaN.  A point whose charge moves along bonds also has a crystal's, up to
    formal charges times lattice vectors.  ``results["energy_parts"]`` has the energy in parts (eV)
    by ``bench.labels.keys.ENERGY_PARTS``, ``results["chemical_potential"]`` the electrons' −∂E/∂Q
    (eV) of points that have a Fermi level.

    Args:
        model: the point; its evaluation mode is switched on.
        total_charge: in e, for structures that do not state it.
        electric_field: [3] in V/Å, likewise; no field unless given.
        chemical_potential: in eV, as predictions have it: electrons are exchanged with a reservoir
            at this level, the energy is Ω = E + μQ, and charges are free.  Not for slabs, whose
            energy has no minimum along a change of charge.

    Raises:
        BenchError: the point's charge does not respond to a level.
    """

    results: dict[str, Any]
    implemented_properties = ["energy", "free_energy", "forces", "stress", "dipole", "charges"]
    default_parameters = dict.fromkeys((*STATE_KEYS, CHEMICAL_POTENTIAL))  # None: not stated

    def __init__(
        self,
        model: Point,
        *,
        total_charge: float | None = None,
        electric_field: ArrayLike | None = None,
        chemical_potential: float | None = None,
    ) -> None:
        self._point = model.eval()
        self._calculated: dict[str, Any] = {}
        self._stability_known = False
        super().__init__()
        self.set(
            total_charge=total_charge,
            electric_field=electric_field,
            chemical_potential=chemical_potential,
        )

    @classmethod
    def from_file(
        cls,
        path: Path | str,
        *,
        total_charge: float | None = None,
        electric_field: ArrayLike | None = None,
        chemical_potential: float | None = None,
        dtype: str | None = None,
        device: str = "cpu",
    ) -> BenchCalculator:
        """The point in a file of ``bench export``; arguments as of the class and ``read_point``.

        Raises:
            BenchError: no such file, or none that this version reads.
        """
        return cls(
            read_point(Path(path), dtype=dtype, device=device),
            total_charge=total_charge,
            electric_field=electric_field,
            chemical_potential=chemical_potential,
        )

    @classmethod
    def from_run(
        cls,
        run_folder: Path | str,
        *,
        total_charge: float | None = None,
        electric_field: ArrayLike | None = None,
        chemical_potential: float | None = None,
        dtype: str | None = None,
        device: str = "cpu",
    ) -> BenchCalculator:
        """The trained point of a run; arguments as of the class and of ``load_model``.

        Raises:
            BenchError: the folder holds no trained run.
        """
        model = load_model(Path(run_folder), dtype=dtype, device=device)
        return cls(
            model,
            total_charge=total_charge,
            electric_field=electric_field,
            chemical_potential=chemical_potential,
        )

    @property
    def model(self) -> Point:
        """The point, at the chemical potential where one is given."""
        level = self.parameters[CHEMICAL_POTENTIAL]
        return self._point if level is None else at_chemical_potential(self._point, level)

    @property
    def total_charge(self) -> float | None:
        """In e, for structures that do not state it; None where nothing is given."""
        return self.parameters[TOTAL_CHARGE_KEY]  # type: ignore[no-any-return]

    @total_charge.setter
    def total_charge(self, value: float | None) -> None:
        self.set(total_charge=value)

    @property
    def electric_field(self) -> NDArray[np.float64] | None:
        """[3] in V/Å, likewise; may be changed in place."""
        return self.parameters[ELECTRIC_FIELD_KEY]  # type: ignore[no-any-return]

    @electric_field.setter
    def electric_field(self, value: ArrayLike | None) -> None:
        self.set(electric_field=value)

    def set(self, **kwargs: Any) -> dict[str, Any]:
        """Change total_charge (e), electric_field (V/Å) or chemical_potential (eV).

        Returns:
            What has changed.

        Raises:
            BenchError: another name, no finite numbers, a point that has no such level.
        """
        given: dict[str, Any] = {}
        for key, value in kwargs.items():
            if key not in self.default_parameters:
                raise BenchError(
                    f"{key}={value!r}: the calculator has no such parameter.",
                    nearest(key, self.default_parameters),
                )
            given[key] = None if value is None else read_state(key, value, "calculator")
        if given.get(CHEMICAL_POTENTIAL) is not None:
            at_chemical_potential(self._point, given[CHEMICAL_POTENTIAL])
        changed: dict[str, Any] = super().set(**given)
        if changed:
            self.results = {}
        return changed

    def check_state(self, atoms: ase.Atoms, tol: float = 1e-15) -> list[str]:
        """What has changed since the last calculation; charge, field and level count."""
        changes: list[str] = super().check_state(atoms, tol=tol)
        now, before = self._stated(atoms), self._calculated
        same = now.keys() == before.keys() and all(equal(now[key], before[key]) for key in now)
        return changes if same else [*changes, "state"]

    def _stated(self, atoms: ase.Atoms) -> dict[str, Any]:
        """Copies of charge, field and level as stated for the structure, None where nothing is."""
        return copy.deepcopy({**self.parameters, **_info_state(atoms)})

    def calculate(
        self,
        atoms: ase.Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Everything that the point knows of ``atoms``.

        Raises:
            BenchError: no total charge, an element that the point does not know, a boundary
                condition or field that electrostatics cannot treat.
            SCFError: the density did not converge.
        """
        super().calculate(atoms, properties, system_changes)
        assert self.atoms is not None
        self.results = {}
        self.atoms.info |= copy.deepcopy(_info_state(self.atoms))  # Atoms.copy() shares arrays
        self._calculated = self._stated(self.atoms)
        self.results = _results(self.predict(self.atoms), _boundary(self.atoms))

    @torch.inference_mode(False)
    @torch.enable_grad()
    def predict(self, atoms: ase.Atoms, *, compute_polarizability: bool = False) -> Prediction:
        """All that the point says of one structure; stress where it is bulk.

        The first structure's density is also checked for stability, with a warning.

        Args:
            atoms: the structure, with charge and field as ``calculate`` takes them.
            compute_polarizability: also ∂M/∂E at fixed positions, of points that respond.

        Raises:
            BenchError, SCFError: as ``calculate``.
        """
        boundary, model = _boundary(atoms), self.model
        device = next(model.parameters()).device
        graph = build_graph(self._prepared(atoms, boundary), model.graph_settings)
        prediction: Prediction = model(
            collate([graph]).to(device),
            compute_stress=boundary is Boundary.BULK,
            compute_polarizability=compute_polarizability,
            report_response=not self._stability_known,
        )
        _check_convergence(prediction)
        if not self._stability_known:
            _warn_if_unstable(prediction)
            self._stability_known = True
        return prediction

    def _prepared(self, given: ase.Atoms, boundary: Boundary) -> ase.Atoms:
        """A bare copy of the structure that states charge and field."""
        exchanges = self.model.config.ensemble is Ensemble.constant_fermi_level
        if boundary is Boundary.SLAB and exchanges:
            raise BenchError(
                f"{given.symbols}: a slab at a fixed chemical potential. The correction of its "
                "images leaves the energy without a minimum along a change of charge: a higher "
                "level would take electrons away.",
                "Give total_charge instead.",
            )
        known = self._point.facts.elements
        where = str(given.symbols)
        strangers = sorted(set(given.numbers.tolist()) - set(known))
        if strangers:
            raise BenchError(
                f"{where}: the model was not trained on {_symbols(strangers)}.",
                f"Elements that it knows: {_symbols(known)}.",
            )
        stated = self._stated(given)
        charge, field = stated[TOTAL_CHARGE_KEY], stated[ELECTRIC_FIELD_KEY]
        if charge is None and exchanges:
            charge = 0.0  # of the zero of energy
        if charge is None:
            raise BenchError(
                f"{where}: the structure does not state its total charge."
                + unread(given.info, TOTAL_CHARGE_KEY, None),
                f'Set atoms.info["{TOTAL_CHARGE_KEY}"] in e, or give the calculator total_charge=.',
            )
        self._warn_of_unread(given)
        atoms = ase.Atoms(given.numbers, given.positions, cell=given.cell, pbc=given.pbc)
        atoms.info = {
            TOTAL_CHARGE_KEY: read_state(TOTAL_CHARGE_KEY, charge, where),
            ELECTRIC_FIELD_KEY: read_state(
                ELECTRIC_FIELD_KEY, np.zeros(3) if field is None else field, where
            ),
        }
        check_field(atoms, boundary, where)
        check_vacuum(atoms, boundary, where)
        return atoms

    def _warn_of_unread(self, atoms: ase.Atoms) -> None:
        """Tell what the structure or the calculator states and nothing reads."""
        stated, in_info = self._stated(atoms), _info_state(atoms)
        for key in STATE_KEYS:
            words = unread(atoms.info, key, stated[key])
            given = self.parameters[key]
            if given is not None and key in in_info and not equal(in_info[key], given):
                words = (
                    f' atoms.info["{key}"] = {in_info[key]!r} goes before the calculator\'s '
                    f"{key}={given!r}."
                )
            if words:
                warnings.warn(f"{atoms.symbols}:{words}", stacklevel=4)


def at_chemical_potential(model: Point, level: float) -> Point:
    """A copy of the point that holds −∂E/∂Q (eV) instead of the total charge.

    Raises:
        BenchError: the point has no such ensemble.
    """
    if "ensemble" not in model.options:
        raise BenchError(
            f"chemical_potential={level}: the charge of model={model.config.name} does not respond "
            "to one.",
            "Give total_charge instead.",
        )
    return with_options(model, ensemble=Ensemble.constant_fermi_level, fermi_level=float(level))


def _boundary(atoms: ase.Atoms) -> Boundary:
    return boundary_of(atoms.cell.array, atoms.pbc, str(atoms.symbols))


def _info_state(atoms: ase.Atoms) -> dict[str, Any]:
    """What the structure states of charge and field."""
    return {key: atoms.info[key] for key in STATE_KEYS if atoms.info.get(key) is not None}


def _symbols(numbers: Sequence[int]) -> str:
    return ", ".join(chemical_symbols[z] for z in numbers)


def _check_convergence(prediction: Prediction) -> None:
    if prediction.scf is not None and not bool(prediction.scf.converged[0]):
        raise SCFError(
            f"The density did not converge in {int(prediction.scf.iterations[0])} iterations: "
            f"residual {float(prediction.scf.residual[0]):.2e} e."
        )


def _warn_if_unstable(prediction: Prediction) -> None:
    if prediction.scf is not None and not bool(prediction.scf.stable[0]):
        warnings.warn(
            "The density is an unstable solution: the largest Re λ of its response is "
            f"{float(prediction.scf.response_max[0]):.2f}, and above 1 no iteration reaches it.",
            stacklevel=4,
        )


def _results(prediction: Prediction, boundary: Boundary) -> dict[str, Any]:
    """ASE's properties of a batch of one structure."""
    assert prediction.forces is not None
    energy = float(prediction.energy[0])
    results: dict[str, Any] = {
        "energy": energy,
        "free_energy": energy,
        "forces": prediction.forces.cpu().numpy(),
        "energy_parts": {name: float(e[0]) for name, e in prediction.energy_parts.items()},
    }
    if prediction.chemical_potential is not None:
        results["chemical_potential"] = float(prediction.chemical_potential[0])
    if prediction.stress is not None:
        results["stress"] = full_3x3_to_voigt_6_stress(prediction.stress[0].cpu().numpy())
    if prediction.multipoles is not None:
        results["charges"] = prediction.multipoles[:, 0].cpu().numpy()
    if prediction.polarization is not None and boundary is Boundary.BULK:
        results["dipole"] = prediction.polarization[0].cpu().numpy()
    if prediction.dipole is not None and boundary is not Boundary.BULK:
        dipole = prediction.dipole[0].cpu().numpy().copy()
        dipole[:2] = np.nan if boundary is Boundary.SLAB else dipole[:2]
        results["dipole"] = dipole
    return results
