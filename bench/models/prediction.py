"""What a model says of a batch."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from torch import Tensor

from bench.labels.quantities import MULTIPOLES, POTENTIAL
from bench.scf.report import ScfReport


@dataclass
class Prediction:
    """Predictions for g structures with n atoms in all; None where a point does not predict it.

    Energies, multipoles and everything made from them are float64.

    Attributes:
        energy: [g] in eV, baseline included; grand energy Ω at a fixed Fermi level.
        energy_parts: [g] in eV each, by ``bench.labels.keys.ENERGY_PARTS``: what the energy is the
            sum of, without those that the point does not have.
        forces: [n, 3] in eV/Å.
        stress: [g, 3, 3] in eV/Å³ where it was asked for.
        multipoles: [n, 4] in e and e Å, order (q, d_y, d_z, d_x).
        total_charge: [g] in e, Σ q_i.
        dipole: [g, 3] in e Å, Cartesian; meaningless along periodic axes.
        polarization: [g, 3] in e Å, the same of a periodic cell where charge moves along bonds, up
            to formal charges times lattice vectors; NaN in charged cells.
        polarizability: [g, 3, 3] in e Å²/V where it was asked for, ∂M_a/∂E_b at fixed positions.
        electrostatic_potential: [n] in V, what each atom's own Gaussian sees of the density and
            the applied field, in the solver's zero (``Maps.cell_average_shift``).
        potential_error: [n] in V, the same less that of the reference multipoles, where there are
            any; absent in direct training, where the density is the reference.
        fermi_level: [g] in eV, in the labels' zero, the cell's average; NaN where undefined.
        chemical_potential: [g] in eV, the same in the energy's zero, which a slab's correction
            moves by its average over the cell (``Maps.cell_average_shift``): −∂E/∂Q where the
            density makes the energy stationary.
        fermi_level_gap: [g] in eV, chemical_potential + ∂E/∂Q of a point where it does not.
        density_residual: [n, 4] of direct training, in e and e Å: F(p_ref) − p_ref, or the
            projected gradient ∂E/∂p at p_ref over what each Gaussian's own interaction makes of it.
        scf: health of the solve; None for points without one.
        others: quantities of the table that have no place above, [g, c] or [n, c] by name.
    """

    energy: Tensor
    energy_parts: dict[str, Tensor]
    forces: Tensor | None = None
    stress: Tensor | None = None
    multipoles: Tensor | None = None
    total_charge: Tensor | None = None
    dipole: Tensor | None = None
    polarization: Tensor | None = None
    polarizability: Tensor | None = None
    electrostatic_potential: Tensor | None = None
    potential_error: Tensor | None = None
    fermi_level: Tensor | None = None
    chemical_potential: Tensor | None = None
    fermi_level_gap: Tensor | None = None
    density_residual: Tensor | None = None
    scf: ScfReport | None = None
    others: dict[str, Tensor] = field(default_factory=dict)

    @property
    def baseline(self) -> Tensor:
        """[g] in eV, Σ E0 + Q Σ s_Z / V, the same in every point."""
        return self.energy_parts["baseline"]

    def of(self, name: str) -> Tensor | None:
        """What is predicted of a quantity of the table."""
        value: Tensor | None = self.others.get(name, getattr(self, name, None))
        return value

    def differences(self) -> dict[str, Tensor]:
        """By quantity, errors that the model finds itself instead of predicted less reference."""
        found = {MULTIPOLES.name: self.density_residual, POTENTIAL.name: self.potential_error}
        return {name: error for name, error in found.items() if error is not None}

    def detached(self) -> Prediction:
        """The same numbers without their autograd graph."""
        values: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        for name, value in values.items():
            values[name] = value.detach() if isinstance(value, Tensor) else value
        for group in ("energy_parts", "others"):
            values[group] = {name: value.detach() for name, value in values[group].items()}
        return Prediction(**values)
