"""What the vacuum of a slab needs beyond the periodic sum.

Averaged over the plane, a charge at height z' has the potential −2π k_e |z − z'| / S, while the
periodic sum with its background gives −2π k_e (|z − z'| − (z − z')²/L − L/6) / S.  The difference,
−(2π k_e / V) ((z − z')² + L²/6), depends on the total charge, dipole and second moment alone; a
Gaussian of width σ seen by one of width s adds σ² + s² to (z − z')².  Neutral slabs are left with
the usual dipole correction (Yeh and Berkowitz, J. Chem. Phys. 111, 3155, 1999; for charged ones
Ballenegger, Arnold and Cerdà, J. Chem. Phys. 131, 094107, 2009).  Energies of charged slabs count
from the zero of −2π k_e |z − z'| / S, so the correction makes A indefinite along a change of total
charge, never at fixed charge.  Atoms must not wrap along z.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bench.density.constants import FIELD_CONSTANT
from bench.density.geometry import Boundary, Geometry
from bench.density.multipoles import cell_centre, charge_entries, linear_entries


@dataclass(frozen=True)
class SlabTerm:
    """The correction U C(s) Uᵀ, C a 3 by 3 matrix; zero for structures that are no slabs.

    Attributes:
        moments: [g, m, 3] U; Uᵀp is (charge, dipole along z, second moment along z) of p about the
            cell's centre, the Gaussians' own width left out.
        strength: [g] 4π k_e / V in V/(e Å²), zero unless a slab.
        height: [g] L in Å.
    """

    moments: Tensor
    strength: Tensor
    height: Tensor

    def coupling(self, smearing_width: float, probe_width: float) -> Tensor:
        """[g, 3, 3] C between Gaussians of the density's and of the probe's width (Å)."""
        uniform = (smearing_width**2 + probe_width**2) / 2 + self.height**2 / 12
        matrix = uniform.new_zeros(len(uniform), 3, 3)
        matrix[:, 0, 0] = -uniform
        matrix[:, 1, 1] = 1.0
        matrix[:, 0, 2] = matrix[:, 2, 0] = -0.5
        return self.strength[:, None, None] * matrix

    def add_to(self, potential: Tensor, smearing_width: float, probe_width: float) -> Tensor:
        """A map [g, m, m] of the periodic sum with the correction added."""
        if not self.strength.any():
            return potential
        coupling = self.coupling(smearing_width, probe_width)
        return torch.baddbmm(potential, self.moments @ coupling, self.moments.transpose(1, 2))

    def average(self, smearing_width: float) -> Tensor:
        """[g, m] cell average of the correction's potential (V) per unit multipole."""
        uniform = smearing_width**2 + self.height**2 / 4
        charge, _, second = self.moments.unbind(dim=-1)
        return -self.strength[:, None] / 2 * (second + uniform[:, None] * charge)


def slab_term(geometry: Geometry, l_max: int) -> SlabTerm:
    """The correction's moments; strength is zero for structures that are no slabs."""
    is_slab = geometry.boundary == Boundary.SLAB
    volume = torch.where(is_slab, geometry.volume, 1.0)
    z = geometry.positions[..., 2] - cell_centre(geometry.cell)[:, None, 2]  # [g, n]
    up = torch.zeros_like(geometry.positions)
    up[..., 2] = 1.0
    moments = [
        charge_entries(geometry.mask, l_max),
        linear_entries(z, up, geometry.mask, l_max),
        linear_entries(z**2, 2 * z[..., None] * up, geometry.mask, l_max),
    ]
    return SlabTerm(
        moments=torch.stack(moments, dim=-1),
        strength=torch.where(is_slab, FIELD_CONSTANT / volume, 0.0),
        height=geometry.cell[:, 2, 2].abs(),
    )
