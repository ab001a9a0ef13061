"""mace's symmetric contraction: products of up to three components of an atom's features.

    B_i[M, c] = Σ_ν Σ_{v₁…v_ν} T_ν,z_i[v₁ … v_ν, M, c] A_i[v₁, c] … A_i[v_ν, c],  T = Σ_k U_k w_k

(I. Batatia et al., arXiv 2206.07697, equations 10 and 11).  All factors but the last make one
vector of monomials, (A ⊗ A, A, 1), and G, which is T for one element and channel, made once per
step from mace's U and the weights w, acts on it as one matrix product over the atoms.
"""

from __future__ import annotations

import bench.e3nn_import  # noqa: F401  # isort: skip  before e3nn

from contextlib import redirect_stdout
from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from io import StringIO
from itertools import permutations
from pathlib import Path
from typing import Any

import torch
from e3nn import o3
from torch import Tensor, nn


class ContractionWeights(nn.Module):
    """w of one output degree, named as in mace-torch; frozen at zero where no product exists.

    Args:
        degree: L of the output.
        l_max: of the features.
        correlation: the highest ν.
        elements: how many.
        channels: how many.
    """

    def __init__(
        self, degree: int, *, l_max: int, correlation: int, elements: int, channels: int
    ) -> None:
        super().__init__()
        self.weights = nn.ParameterList()
        for order in range(correlation, 0, -1):
            products = _products(degree, l_max, order)
            self.register_buffer(f"products_{order}", products.flatten(1), persistent=False)
            initial = torch.randn(elements, len(products), channels) / len(products)
            exists = bool((products != 0).any())
            weight = nn.Parameter(initial * exists, requires_grad=exists)
            if order == correlation:
                self.weights_max = weight
            else:
                self.weights.append(weight)
        self.rows = (2 * degree + 1) * (l_max + 1) ** 2

    def forward(self) -> Tensor:
        """G of this degree: [z, c, M v, monomials]."""
        parts = []
        for i, weight in enumerate([self.weights_max, *self.weights]):
            products = getattr(self, f"products_{len(self.weights) + 1 - i}")
            parts.append((weight.transpose(1, 2) @ products).unflatten(2, (self.rows, -1)))
        return torch.cat(parts, 3)


class SymmetricContraction(nn.Module):
    """B of every output degree.

    Args:
        out_max: highest output degree.
        l_max, correlation, elements, channels: as above.
    """

    upper: Tensor

    def __init__(
        self, out_max: int, *, l_max: int, correlation: int, elements: int, channels: int
    ) -> None:
        super().__init__()
        self.contractions = nn.ModuleList(
            ContractionWeights(
                degree, l_max=l_max, correlation=correlation, elements=elements, channels=channels
            )
            for degree in range(out_max + 1)
        )
        self.correlation = correlation
        self.register_buffer("upper", _upper(l_max), persistent=False)

    def forward(self, features: Tensor, counts: tuple[int, ...]) -> Tensor:
        """B of the atoms.

        Args:
            features: [v, n, c], sorted by element.
            counts: atoms of each element.

        Returns:
            [M, n, c], (out_max + 1)² components.
        """
        matrices = torch.cat([weights() for weights in self.contractions], 2)  # [z, c, M v, r]
        parts = [
            self._element(own.transpose(1, 2).contiguous(), g)
            for own, g in zip(features.split(counts, dim=1), matrices)
            if own.shape[1]
        ]
        return torch.cat(parts, 2).permute(1, 2, 0)

    def _element(self, features: Tensor, matrices: Tensor) -> Tensor:
        """[v, c, n] and [c, M v, r] to [c, M, n] of one element."""
        monomials = [torch.ones_like(features[:1])]
        if self.correlation > 1:
            monomials.insert(0, features)
        if self.correlation > 2:
            first, second = (features.index_select(0, index) for index in self.upper)
            monomials.insert(0, first * second)
        q = torch.bmm(matrices, torch.cat(monomials).transpose(0, 1))  # [c, M v, n]
        q = q.unflatten(1, (-1, len(features)))
        products: Tensor = q * features.transpose(0, 1)[:, None]
        return products.sum(2)


def _upper(l_max: int) -> Tensor:
    """[2, r] the pairs v₁ ≤ v₂ of components."""
    components = (l_max + 1) ** 2
    return torch.triu_indices(components, components)


def _products(degree: int, l_max: int, order: int) -> Tensor:
    """[k, M, v, r] mace-torch's U of one ν, symmetric in its factors, by monomials of all but v."""
    inner = o3.Irreps([(1, (l1, (-1) ** l1)) for l1 in range(l_max + 1)])
    outer = o3.Irreps([(1, (degree, (-1) ** degree))])
    make, dtype = _clebsch_gordan().U_matrix_real, torch.get_default_dtype()
    u = make(inner, outer, order, dtype=dtype, use_cueq_cg=False)[-1]
    u = u.reshape(2 * degree + 1, *u.shape[-order - 1 :]).moveaxis(-1, 0)  # [k, M, v…]
    factors = range(2, 2 + order)
    symmetric = torch.stack([u.permute(0, 1, *p) for p in permutations(factors)]).mean(0)
    if order < 3:
        return symmetric[..., None] if order == 1 else symmetric
    first, second = _upper(l_max)
    return symmetric[..., first, second] * torch.where(first == second, 1.0, 2.0)


@cache
def _clebsch_gordan() -> Any:
    """mace/tools/cg.py by itself: its package brings training tools, three seconds of CPU."""
    package = find_spec("mace")
    assert package is not None and package.submodule_search_locations
    file = Path(package.submodule_search_locations[0]) / "tools" / "cg.py"
    spec = spec_from_file_location("mace_tools_cg", file)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    with redirect_stdout(StringIO()):  # it prints which accelerators are missing
        spec.loader.exec_module(module)
    return module
