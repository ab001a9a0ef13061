"""A point of the design space as an ASE calculator."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import ase
import numpy as np
from ase.calculators.calculator import Calculator, SCFError, all_changes
from ase.data import chemical_symbols
from ase.stress import full_3x3_to_voigt_6_stress
from numpy.typing import ArrayLike

from bench.config.schema import Ensemble
from bench.data.batch import build_graph, collate
from bench.data.dataset import check_field, check_vacuum
from bench.density.geometry import Boundary
from bench.density.reciprocal import boundary_of
from bench.errors import BenchError
from bench.inference.load import load_model
from bench.labels.keys import ELECTRIC_FIELD_KEY, TOTAL_CHARGE_KEY
from bench.models.base import Point
from bench.models.prediction import Prediction

STATE_KEYS = (TOTAL_CHARGE_KEY, ELECTRIC_FIELD_KEY)


class BenchCalculator(Calculator):  # type: ignore[misc]  # ase has no types
    """Energy, forces, stress, dipole and charges of a point, in ASE's units (eV, Å, e).

    ``atoms.info`` may hold ``total_charge`` (e) and ``electric_field`` ([3], V/Å), which go before
    those given here; a change of either is a new calculation.  Stress exists for bulk structures,
    the dipole for the others; of a slab's dipole only z means something, x and y are NaN.  A point
    whose charge moves along bonds also has a crystal's, up to formal charges times lattice vectors.

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

    implemented_properties = ["energy", "free_energy", "forces", "stress", "dipole", "charges"]

    def __init__(
        self,
        model: Point,
        *,
        total_charge: float | None = None,
        electric_field: ArrayLike = (0.0, 0.0, 0.0),
        chemical_potential: float | None = None,
    ) -> None:
        super().__init__()
        self.model = model.eval()
        if chemical_potential is not None:
            self.model = at_chemical_potential(self.model, chemical_potential)
            total_charge = 0.0 if total_charge is None else total_charge  # of the zero of energy
        self.total_charge = total_charge
        self.electric_field = np.array(electric_field, dtype=float)
        self._stability_known = False

    @classmethod
    def from_run(
        cls,
        run_folder: Path | str,
        *,
        total_charge: float | None = None,
        electric_field: ArrayLike = (0.0, 0.0, 0.0),
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

    def check_state(self, atoms: ase.Atoms, tol: float = 1e-15) -> list[str]:
        """What has changed since the last calculation; charge and field count."""
        changes: list[str] = super().check_state(atoms, tol=tol)
        last = {} if self.atoms is None else self.atoms.info
        same = all(_equal(atoms.info.get(key), last.get(key)) for key in STATE_KEYS)
        return changes if same else [*changes, "info"]

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
        self.results = _results(self.predict(self.atoms), _boundary(self.atoms))

    def predict(self, atoms: ase.Atoms, *, compute_polarizability: bool = False) -> Prediction:
        """All that the point says of one structure; stress where it is bulk.

        The first structure's density is also checked for stability, with a warning.

        Args:
            atoms: the structure, with charge and field as ``calculate`` takes them.
            compute_polarizability: also ∂M/∂E at fixed positions, of points that respond.

        Raises:
            BenchError, SCFError: as ``calculate``.
        """
        boundary = _boundary(atoms)
        device = next(self.model.parameters()).device
        graph = build_graph(self._prepared(atoms, boundary), self.model.graph_settings)
        prediction: Prediction = self.model(
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

    @property
    def _exchanges_charge(self) -> bool:
        return self.model.config.ensemble is Ensemble.constant_fermi_level

    def _prepared(self, given: ase.Atoms, boundary: Boundary) -> ase.Atoms:
        """A bare copy of the structure that states charge and field."""
        if boundary is Boundary.SLAB and self._exchanges_charge:
            raise BenchError(
                f"{given.symbols}: a slab at a fixed chemical potential. The correction of its "
                "images leaves the energy without a minimum along a change of charge: a higher "
                "level would take electrons away.",
                "Give total_charge instead.",
            )
        known = self.model.facts.elements
        where = str(given.symbols)
        strangers = sorted(set(given.numbers.tolist()) - set(known))
        if strangers:
            raise BenchError(
                f"{where}: the model was not trained on {_symbols(strangers)}.",
                f"Elements that it knows: {_symbols(known)}.",
            )
        charge = given.info.get(TOTAL_CHARGE_KEY, self.total_charge)
        if charge is None:
            raise BenchError(
                f"{where}: the structure does not state its total charge.",
                f'Set atoms.info["{TOTAL_CHARGE_KEY}"] in e, or give the calculator total_charge=.',
            )
        atoms = ase.Atoms(given.numbers, given.positions, cell=given.cell, pbc=given.pbc)
        field = np.asarray(given.info.get(ELECTRIC_FIELD_KEY, self.electric_field), dtype=float)
        atoms.info = {TOTAL_CHARGE_KEY: float(charge), ELECTRIC_FIELD_KEY: field}
        check_field(atoms, boundary, where)
        check_vacuum(atoms, boundary, where)
        return atoms


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
    held = copy.copy(model)  # the weights are shared, the ensemble is not
    held.config = replace(
        model.config, ensemble=Ensemble.constant_fermi_level, fermi_level=float(level)
    )
    return held


def _boundary(atoms: ase.Atoms) -> Boundary:
    return boundary_of(atoms.cell.array, atoms.pbc, str(atoms.symbols))


def _equal(now: Any, before: Any) -> bool:
    return np.array_equal(now, before)


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
    }
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
