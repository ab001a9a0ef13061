"""Functions of the distance of a pair."""

from __future__ import annotations

import bench.e3nn_import  # noqa: F401  # isort: skip  before e3nn

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from e3nn.math import normalize2mom
from torch import Tensor, nn
from torch.nn.functional import silu

SILU_SCALE: float = normalize2mom(silu).cst  # unit second moment of a normal variable


class Weight(nn.Module):
    """One tensor of parameters named ``weight``, standard normal as mace-torch's."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(*shape))


def radial_basis(distance: Tensor, *, r_max: float, num_bessel: int, power: int) -> Tensor:
    """√(2/r_c) sin(n π r/r_c)/r with a polynomial cutoff, smooth to its second derivative.

    J. Gasteiger et al., arXiv 2003.03123, equations 7 and 8.

    Args:
        distance: [p] in Å.
        r_max: r_c in Å.
        num_bessel: how many n.
        power: of the polynomial's first term.

    Returns:
        [p, num_bessel].
    """
    reach = distance[:, None] / r_max
    p = power
    envelope = (
        1.0
        - (p + 1) * (p + 2) / 2 * reach**p
        + p * (p + 2) * reach ** (p + 1)
        - p * (p + 1) / 2 * reach ** (p + 2)
    )
    n = torch.arange(1, num_bessel + 1, dtype=distance.dtype, device=distance.device)
    waves = math.sqrt(2.0 / r_max) * torch.sin(math.pi * n * reach) / distance[:, None]
    return waves * envelope * (reach < 1.0)


class RadialNetwork(nn.Module):
    """From the basis to the radial functions of all paths, weights as e3nn's FullyConnectedNet.

    Args:
        widths: of the layers, the basis and the radial functions included.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.depth = len(widths) - 2
        for i, (inner, outer) in enumerate(pairwise(widths)):
            setattr(self, f"layer{i}", Weight(inner, outer))

    def hidden(self, basis: Tensor) -> Tensor:
        """[p, num_bessel] to the last hidden layer, [p, h]."""
        for layer in range(self.depth):
            basis = silu(basis @ self._weight(layer))
        return basis

    def last(self) -> Tensor:
        """[h, k c] weights of the last layer, linear."""
        return self._weight(self.depth)

    def _weight(self, layer: int) -> Tensor:
        """Scaled so that the layer keeps the second moment; its input is silu without its scale."""
        weight: Tensor = getattr(self, f"layer{layer}").weight
        return weight * ((SILU_SCALE if layer else 1.0) / math.sqrt(len(weight)))
