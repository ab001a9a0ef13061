"""Bond charge increments: what an atom's charge is depends on whom it is bonded to, and no more.

The charge model of MMFF94 (Halgren, J. Comput. Chem. 17, 520 (1996)), with increments that are
learned instead of tabulated and bonds that fade with their length instead of breaking at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from ase.data import chemical_symbols, covalent_radii
from pymatgen.core import Element
from torch import Tensor, nn

from bench.config.key import key
from bench.config.schema import Mode, ModelConfig
from bench.errors import BenchError
from bench.models.base import Density, Inputs, Point
from bench.models.facts import TrainingFacts


# --8<-- [start:point]
@dataclass
class Bonds:
    """What ``model.options.NAME=`` takes."""

    reach: float = key(1.4, "bonds end at so many sums of the covalent radii", above=1)


class BondIncrements(Point):
    """q_i = Q/n + Σ_j o(r_ij) b(Z_j, Z_i) with b(A, B) = −b(B, A).

    The order o of a bond falls from 1, at the sum of the covalent radii, to 0 at ``reach`` of it,
    with two continuous derivatives.  What one atom gains another loses, so that Σq = Q exactly.

    Raises:
        BenchError: l_max other than 0, or bonds that end beyond the cutoff of the neighbours.
    """

    Options = Bonds
    own: Bonds

    radii: Tensor  # [z] Å

    def __init__(self, config: ModelConfig, facts: TrainingFacts, *, dtype: torch.dtype) -> None:
        super().__init__(config, facts, dtype=dtype)
        if config.l_max != 0:
            raise BenchError(f"model.l_max={config.l_max}: bonds carry charge and no dipoles.")
        radii = torch.tensor(covalent_radii[list(facts.elements)], dtype=torch.float64)
        longest = self.own.reach * 2 * float(radii.max())
        if longest > config.r_max:
            raise BenchError(
                f"model.options.reach={self.own.reach}: bonds of up to {longest:.1f} Å are longer "
                f"than model.r_max={config.r_max} Å."
            )
        self.register_buffer("radii", radii)
        self.increments = nn.Parameter(hannay_smyth(facts.elements))  # [z, z] e

    def density(self, inputs: Inputs, mode: Mode) -> Density:
        """[g, m] charges in e; neither the field nor anything beyond the bonds changes them."""
        batch = inputs.batch
        first, second = batch.edge_index  # every bond both ways
        element = batch.node_attrs.argmax(1)
        length = torch.linalg.vector_norm(batch.edge_vectors(), dim=1)  # Å
        usual = self.radii[element[first]] + self.radii[element[second]]
        gained = self.order(length / usual) * self.gains()[element[first], element[second]]
        charges = (batch.total_charge / batch.num_atoms)[batch.structure]
        charges = charges.index_add(0, first, gained)
        return Density(inputs.padded(charges[:, None]))

    def gains(self) -> Tensor:
        """[z, z] e that the first element gains in a bond with the second."""
        return (self.increments - self.increments.T) / 2

    def order(self, stretch: Tensor) -> Tensor:
        """1 − (10 t³ − 15 t⁴ + 6 t⁵), t from 0 to 1 between the usual length and the end."""
        t = ((stretch - 1) / (self.own.reach - 1)).clamp(0, 1)
        return 1 - t**3 * (10 - 15 * t + 6 * t**2)


# --8<-- [end:point]
def hannay_smyth(elements: tuple[int, ...]) -> Tensor:
    """[z, z] e that the first element gains: the ionic character of a bond.

    0.16 Δχ + 0.035 Δχ² of Pauling's electronegativities (Hannay and Smyth, J. Am. Chem. Soc. 68,
    171 (1946)): where training starts.
    """
    pauling = torch.tensor([Element(chemical_symbols[z]).X for z in elements], dtype=torch.float64)
    difference = pauling[:, None] - pauling[None]
    return -(0.16 * difference + 0.035 * difference * difference.abs())
