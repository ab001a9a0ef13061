"""Self-consistency problems: equations for the multipoles p and the Fermi level μ of a batch.

Every problem is a residual R(p, μ) that vanishes at the solution, together with the charge
constraint n·p = Q (or a given μ).  Solvers know nothing else, so a fixed point and a minimisation
are solved, differentiated and judged by the same code.

Shapes: g structures, n atoms, l multipole components per atom, m = n l unknowns, f features per
atom; float64.  Callables receive ``rows``, an index into the structures of the batch they were
made for: solvers drop finished structures, so a callable reads the tensors it holds as ``h[rows]``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, TypeAlias, TypeVar

import torch
from torch import Tensor

from bench.scf.direct import solve_padded

Rows: TypeAlias = Tensor | slice
LinearMap: TypeAlias = Tensor | Callable[[Tensor, Rows], Tensor]
# μ [g] → F(p, μ) [g, m] and n·∂F/∂μ [g] in e/V, both detached
AlongFermiLevel: TypeAlias = Callable[[Tensor], tuple[Tensor, Tensor]]
T = TypeVar("T", "Constraint", "Problem")


@dataclass(frozen=True, kw_only=True)
class Constraint:
    """What fixes the Fermi level of each structure.

    Attributes:
        charge: [g, m] n, 1 on real charge entries.
        total_charge: [g] Q in e.
        bordered: [g] bool: μ is solved for from n·p = Q; elsewhere μ is given and Q follows.
        mask: [g, m] bool, real entries.
        fermi_level: [g] the given μ in eV (zero for insulators, that do not respond to it).
    """

    charge: Tensor
    total_charge: Tensor
    bordered: Tensor
    mask: Tensor
    fermi_level: Tensor

    def error(self, p: Tensor, mu: Tensor) -> Tensor:
        """[g] Q − n·p in e where the charge is fixed, given μ − μ in eV elsewhere."""
        missing = self.total_charge - (self.charge * p).sum(1)
        return torch.where(self.bordered, missing, self.fermi_level - mu)

    def project(self, p: Tensor) -> Tensor:
        """[g, m] p with the missing charge spread evenly over the atoms where Q is fixed."""
        missing = (self.total_charge - (self.charge * p).sum(1)) * self.bordered
        return p + self.charge * (missing / self.charge.sum(1))[:, None]

    def take(self, index: Tensor) -> Constraint:
        """The same for some of the structures."""
        return _take(self, index)


@dataclass(frozen=True, kw_only=True)
class Problem(ABC):
    """R(p, μ) = 0 with M = −∂R/∂p and c = −∂R/∂μ.

    Attributes:
        constraint: what fixes μ.
        rows: which structures of the original batch these are.
        positive_definite: M is symmetric and positive definite on neutral p, and c = n, so that
            conjugate gradients apply.
        steep: n·F may jump or hardly change as μ moves by volts, so that a common step in p and μ
            says little of μ: iterates carry the μ that conserves their charge instead.  The
            residual is F − p.
    """

    constraint: Constraint
    rows: Rows = field(default_factory=lambda: slice(None))
    positive_definite: bool = False
    steep: bool = False

    @abstractmethod
    def residual(self, p: Tensor, mu: Tensor) -> Tensor:
        """[g, m], zero where padded; differentiable twice in p, μ and all parameters."""

    def precondition(self, p: Tensor, values: Tensor) -> Tensor:
        """[g, m, r] in e from residuals [g, m, r]: the step that a plain iteration takes."""
        return values

    def diagonal(self, p: Tensor) -> Tensor | None:
        """[g, m] positive diagonal that preconditions conjugate gradients, where one is known."""
        return None

    def update(self, p: Tensor, mu: Tensor) -> Tensor:
        """[g, m] F(p, μ), the map whose fixed point is the solution."""
        return p + self.precondition(p, self.residual(p, mu)[..., None])[..., 0]

    def along_fermi_level(self, p: Tensor) -> AlongFermiLevel:
        """What a search for μ evaluates at p: μ → F(p, μ) and n·∂F/∂μ, the charge response."""
        p = p.detach()

        def at(mu: Tensor) -> tuple[Tensor, Tensor]:
            with torch.enable_grad():
                mu = mu.detach().requires_grad_()
                update = self.update(p, mu)
                charge = (self.constraint.charge * update).sum() + 0.0 * mu.sum()  # F may ignore μ
                (slope,) = torch.autograd.grad(charge, mu)
            return update.detach(), slope

        return at

    def linearise(self, p: Tensor, mu: Tensor) -> tuple[Tensor, Tensor]:
        """M [g, m, m] and c [g, m]: here dense, by one batched vector-Jacobian product per row."""
        by_p, by_mu = _dense_jacobian(self.residual, p, mu)
        return -by_p, -by_mu

    def response(self, p: Tensor, mu: Tensor) -> tuple[Tensor, Tensor]:
        """∂F/∂p [g, m, m] and ∂F/∂μ [g, m] of ``update`` at the solution."""
        matrix, column = self.linearise(p, mu)
        steps = self.precondition(p, torch.cat([matrix, column[..., None]], 2))
        identity = torch.eye(p.shape[1], dtype=p.dtype, device=p.device)
        return identity - steps[..., :-1], -steps[..., -1]

    def take(self, index: Tensor) -> Problem:
        """The same problem for some of the structures."""
        return _take(self, index)


@dataclass(frozen=True, kw_only=True)
class LocalFixedPoint(Problem):
    """p_i = F_i(u_i), each atom answering the potential features that it sees, u = B p + b + μ c.

    Attributes:
        response_function: (u [g, n, f], rows) → [g, n, l], local: row i depends on u_i alone.
        features: B [g, n f, m], or the same as a callable (p [g, m], rows) → [g, n f].
        feature_applied: b [g, n f], of the applied field.
        feature_charge: c [g, n f], of a uniform shift of the potential.
        num_atoms: n, padding included.
    """

    response_function: Callable[[Tensor, Rows], Tensor]
    features: LinearMap
    feature_applied: Tensor
    feature_charge: Tensor
    num_atoms: int

    def residual(self, p: Tensor, mu: Tensor) -> Tensor:
        """F(u) − p in e (e Å)."""
        update = self.response_function(self.seen(p, mu), self.rows).flatten(1)
        return _masked(update - p, self.constraint.mask)

    def seen(self, p: Tensor, mu: Tensor) -> Tensor:
        """u [g, n, f]."""
        seen = _apply(self.features, p, self.rows) + self.feature_applied
        return self._per_atom(seen + mu[:, None] * self.feature_charge)

    def linearise(self, p: Tensor, mu: Tensor) -> tuple[Tensor, Tensor]:
        """1 − D B and −D c with D = ∂F_i/∂u_i, l vector-Jacobian products in all."""
        if not isinstance(self.features, Tensor):
            return super().linearise(p, mu)
        seen = self.seen(p, mu)
        blocks = _local_blocks(lambda u: self.response_function(u, self.rows), seen)
        rows = self._per_atom(self.features)  # [g, n, f, m]
        identity = torch.eye(p.shape[1], dtype=p.dtype, device=p.device)
        matrix = identity - (blocks @ rows).flatten(1, 2)
        shift = self._per_atom(self.feature_charge)[..., None]  # [g, n, f, 1]
        return matrix, -(blocks @ shift).flatten(1)

    def _per_atom(self, x: Tensor) -> Tensor:
        return x.reshape(len(x), self.num_atoms, -1, *x.shape[2:])


@dataclass(frozen=True, kw_only=True)
class PotentialResponse(Problem):
    """p = p⁰ − K V + f(V) with V = A p + v + μ n: minus the gradient of a convex function of V.

    Attributes:
        permanent: p⁰ [g, m].
        linear: K, symmetric and positive: (V [g, m, ...], rows) → [g, m, ...].
        filling: f and −∂f_i/∂V_i ≥ 0: (V [g, m], rows) → [g, m] both; row i depends on V_i alone.
        coulomb: A [g, m, m], or the same as a callable (p [g, m], rows) → [g, m].
        applied: v [g, m].
    """

    permanent: Tensor
    linear: Callable[[Tensor, Rows], Tensor]
    filling: Callable[[Tensor, Rows], tuple[Tensor, Tensor]]
    coulomb: LinearMap
    applied: Tensor
    steep: bool = True

    def own_potential(self, p: Tensor) -> Tensor:
        """[g, m] A p + v: the potential but for the Fermi level."""
        return _apply(self.coulomb, p, self.rows) + self.applied

    def residual(self, p: Tensor, mu: Tensor) -> Tensor:
        """F(V) − p in e (e Å)."""
        potential = self.own_potential(p) + mu[:, None] * self.constraint.charge
        filled, _ = self.filling(potential, self.rows)
        answer = self.permanent - self.linear(potential, self.rows) + filled
        return _masked(answer - p, self.constraint.mask)

    def along_fermi_level(self, p: Tensor) -> AlongFermiLevel:
        """A p and K see μ as one shift: a search for it costs what is filled, and no derivative."""
        limits = self.constraint
        with torch.no_grad():
            own = self.own_potential(p)
            shift = self.linear(limits.charge, self.rows)
            rigid = self.permanent - self.linear(own, self.rows)

        @torch.no_grad()
        def at(mu: Tensor) -> tuple[Tensor, Tensor]:
            potential = own + mu[:, None] * limits.charge
            filled, slope = self.filling(potential, self.rows)
            update = _masked(rigid - mu[:, None] * shift + filled, limits.mask)
            return update, -(limits.charge * (shift + slope * limits.charge)).sum(1)

        return at

    def linearise(self, p: Tensor, mu: Tensor) -> tuple[Tensor, Tensor]:
        """1 + (K − f′) A and (K − f′) n."""
        if not isinstance(self.coulomb, Tensor):
            return super().linearise(p, mu)
        charge = self.constraint.charge
        potential = self.own_potential(p) + mu[:, None] * charge
        slopes = self.filling(potential, self.rows)[1][..., None]
        answer = self.screening + slopes * self._sources(self.coulomb)
        identity = torch.eye(p.shape[1], dtype=p.dtype, device=p.device)
        return identity + answer[..., :-1], answer[..., -1]

    @cached_property
    def screening(self) -> Tensor:
        """[g, m, m + 1] K A and K n, which iterations share."""
        assert isinstance(self.coulomb, Tensor)
        return self.linear(self._sources(self.coulomb), self.rows)

    def take(self, index: Tensor) -> Problem:
        """The same for some of the structures, with what is known of their screening."""
        part = super().take(index)
        if "screening" in vars(self):
            vars(part)["screening"] = self.screening[index]
        return part

    def _sources(self, coulomb: Tensor) -> Tensor:
        return torch.cat([coulomb, self.constraint.charge[..., None]], 2)


@dataclass(frozen=True, kw_only=True)
class Variational(Problem):
    """Minimise G(p) + ½ pᵀ A p + v·p at n·p = Q: ∂G/∂p + A p + v + μ n = 0.

    Attributes:
        functional: G, (p [g, m], rows) → [g] in eV.
        coulomb: A [g, m, m], or the same as a callable (p [g, m], rows) → [g, m].
        applied: v [g, m].
        num_atoms: n, padding included.
        local: G is a sum over atoms, so that its Hessian is one block per atom.
        positive_definite: ∂²G/∂p² + A is, wherever the solution lies.
    """

    functional: Callable[[Tensor, Rows], Tensor]
    coulomb: LinearMap
    applied: Tensor
    num_atoms: int
    local: bool = True
    positive_definite: bool = True

    def residual(self, p: Tensor, mu: Tensor) -> Tensor:
        """Minus the gradient in eV/e (eV/(e Å))."""
        gradient = self.slope(p) + _apply(self.coulomb, p, self.rows) + self.applied
        return _masked(-gradient - mu[:, None] * self.constraint.charge, self.constraint.mask)

    def slope(self, p: Tensor) -> Tensor:
        """∂G/∂p [g, m]."""
        differentiable = torch.is_grad_enabled()
        with torch.enable_grad():
            p = p if p.requires_grad else p.detach().requires_grad_()
            energy = self.functional(p, self.rows).sum()
            (slope,) = torch.autograd.grad(energy, p, create_graph=differentiable)
        return slope

    def curvature(self, p: Tensor) -> Tensor:
        """∂²G/∂p² [g, m, m]."""
        if self.local:
            atoms = p.reshape(len(p), self.num_atoms, -1)  # [g, n, l]
            slope = lambda x: self.slope(x.flatten(1)).reshape(x.shape)  # noqa: E731
            return _block_diagonal(_local_blocks(slope, atoms))
        return _dense_jacobian(self.slope, p)[0]

    def linearise(self, p: Tensor, mu: Tensor) -> tuple[Tensor, Tensor]:
        """∂²G/∂p² + A and n."""
        if not isinstance(self.coulomb, Tensor):
            return super().linearise(p, mu)
        return self.curvature(p) + self.coulomb, self.constraint.charge

    def precondition(self, p: Tensor, values: Tensor) -> Tensor:
        """(∂²G/∂p²)⁻¹ residual: for a quadratic G, F(p) = −J⁻¹ (χ + A p + v + μ n)."""
        return solve_padded(self.curvature(p), values, self.constraint.mask)


@dataclass(frozen=True, kw_only=True)
class Linear(Problem):
    """M p + μ c = rhs, for structures too large for a dense ``solve_bordered``.

    Attributes:
        matrix: M as a callable (p [g, m], rows) → [g, m], or [g, m, m].
        rhs: [g, m].
        column: c [g, m]; n for a minimisation, −∂F/∂μ for a fixed point.
        scale: [g, m] positive; residual / scale is the step of a plain iteration (the hardness
            for QEq, 1 for a fixed point) and preconditions conjugate gradients.
    """

    matrix: LinearMap
    rhs: Tensor
    column: Tensor
    scale: Tensor

    def residual(self, p: Tensor, mu: Tensor) -> Tensor:
        """rhs − M p − μ c."""
        residual = self.rhs - _apply(self.matrix, p, self.rows) - mu[:, None] * self.column
        return _masked(residual, self.constraint.mask)

    def linearise(self, p: Tensor, mu: Tensor) -> tuple[Tensor, Tensor]:
        """M and c."""
        if isinstance(self.matrix, Tensor):
            return self.matrix, self.column
        return super().linearise(p, mu)

    def diagonal(self, p: Tensor) -> Tensor:
        """[g, m] the scale, 1 where padded."""
        return torch.where(self.constraint.mask, self.scale, torch.ones_like(self.scale)).detach()

    def precondition(self, p: Tensor, values: Tensor) -> Tensor:
        """Residual / scale."""
        mask = self.constraint.mask
        scale = torch.where(mask, self.scale, torch.ones_like(self.scale))
        return values / scale[..., None]


def _masked(values: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask, values, torch.zeros_like(values))


def _apply(operator: LinearMap, p: Tensor, rows: Rows) -> Tensor:
    if isinstance(operator, Tensor):
        return torch.einsum("gij,gj->gi", operator, p)
    return operator(p, rows)


def _take(whole: T, index: Tensor) -> T:
    """Index every tensor of a dataclass by structure; ``rows`` keeps counting in the batch."""
    changes: dict[str, Any] = {}
    for item in fields(whole):
        value = getattr(whole, item.name)
        if item.name == "rows":
            changes["rows"] = index if isinstance(value, slice) else value[index]
        elif isinstance(value, Tensor):
            changes[item.name] = value[index]
        elif isinstance(value, Constraint):
            changes[item.name] = value.take(index)
    return replace(whole, **changes)


def _leaf(x: Tensor) -> Tensor:
    return x if x.requires_grad else x.detach().requires_grad_()


def _local_blocks(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """∂y_i/∂x_i [g, n, l, f] of an atom-wise function of x [g, n, f]; keeps a graph if grad on."""
    differentiable = torch.is_grad_enabled()
    with torch.enable_grad():
        x = _leaf(x)
        components = function(x).unbind(2)
        rows = [_slope(y.sum(), x, differentiable) for y in components]
    return torch.stack(rows, 2)


def _slope(value: Tensor, x: Tensor, differentiable: bool) -> Tensor:
    (slope,) = torch.autograd.grad(
        value, x, create_graph=differentiable, retain_graph=True, materialize_grads=True
    )
    return slope


def _dense_jacobian(function: Callable[..., Tensor], *inputs: Tensor) -> tuple[Tensor, ...]:
    """∂y/∂x [g, m, ...] for each input x [g, ...] of y [g, m]; keeps a graph if grad is on."""
    differentiable = torch.is_grad_enabled()
    with torch.enable_grad():
        inputs = tuple(_leaf(x) for x in inputs)
        value = function(*inputs)
        basis = torch.eye(value.shape[1], dtype=value.dtype, device=value.device)
        slopes = torch.autograd.grad(
            value,
            inputs,
            basis[:, None].expand(-1, len(value), -1),
            is_grads_batched=True,
            create_graph=differentiable,
            allow_unused=True,
        )
    shapes = [(len(basis), *x.shape) for x in inputs]
    filled = [x.new_zeros(s) if d is None else d for x, s, d in zip(inputs, shapes, slopes)]
    return tuple(slope.transpose(0, 1) for slope in filled)


def _block_diagonal(blocks: Tensor) -> Tensor:
    """[g, n l, n l] from [g, n, l, l]."""
    count = blocks.shape[1]
    identity = torch.eye(count, dtype=blocks.dtype, device=blocks.device)
    spread = torch.einsum("gnij,nk->gnikj", blocks, identity)
    return spread.flatten(3, 4).flatten(1, 2)
