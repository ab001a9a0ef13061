"""What every point of the design space shares: backbone, Coulomb energy, forces, reporting.

A point answers two questions: which density belongs to this geometry, field and charge, and what
energy belongs to that density.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, TypeAlias, TypeVar

import torch
from torch import Tensor, nn

from bench.backbone.model import Backbone, NodeFeatures, random_stream
from bench.config.key import keys_in
from bench.config.options import filled
from bench.config.schema import BACKBONE, DENSITY, FEATURES, NAMING, Ensemble, Mode, ModelConfig
from bench.data.batch import Batch
from bench.density.coulomb import Maps, assemble, own_entries
from bench.density.multipoles import cell_centre, dipole
from bench.density.operator import CoulombOperator
from bench.errors import BenchError
from bench.labels.quantities import FERMI_LEVEL, MULTIPOLES, POLARIZABILITY
from bench.models.facts import TrainingFacts, graph_settings
from bench.models.prediction import Prediction
from bench.scf.report import ScfReport

BACKBONE_OPTIONS = keys_in(ModelConfig, BACKBONE)
DENSITY_OPTIONS = keys_in(ModelConfig, DENSITY)
FEATURE_OPTIONS = keys_in(ModelConfig, FEATURES)


@dataclass
class NoOptions:
    """Of a point without options of its own."""


AnyMaps: TypeAlias = Maps | CoulombOperator
AnyMapsT = TypeVar("AnyMapsT", bound=AnyMaps)
T = TypeVar("T")


@dataclass(frozen=True)
class Unrolling:
    """How many steps of what mixing are differentiated through in unrolled training."""

    steps: int = 10
    mixing: float = 0.3


UNROLLING = Unrolling()


@dataclass(frozen=True)
class Inputs:
    """What a density is made from.

    Attributes:
        batch: the structures.
        nodes: features of every atom.
        maps: Coulomb and feature maps and the applied potential, padded.
        report_response: whether to evaluate the response's eigenvalues at the solution.
        training: whether derivatives will be differentiated again, with respect to parameters.
        unrolling: of unrolled training.
    """

    batch: Batch
    nodes: NodeFeatures
    maps: AnyMaps
    report_response: bool = False
    training: bool = False
    unrolling: Unrolling = UNROLLING
    _made: dict[Callable[..., Any], Any] = field(default_factory=dict, init=False, repr=False)

    def once(self, make: Callable[[Inputs], T]) -> T:
        """make(self), made once: what both the equations and the energy need."""
        if make not in self._made:
            self._made[make] = make(self)
        made: T = self._made[make]
        return made

    def padded(self, per_atom: Tensor) -> Tensor:
        """[n, c] to [g, m], the layout of the maps."""
        return self.batch.dense(per_atom).flatten(1)

    def per_atom(self, padded: Tensor) -> Tensor:
        """[g, m] to [n, c]."""
        structures, atoms = self.batch.num_structures, int(self.batch.num_atoms.max())
        return self.batch.flat(padded.reshape(structures, atoms, -1))

    def at_atoms(self, padded: Tensor) -> Tensor:
        """[g, m] to [n], the charge's entry of every atom."""
        return self.per_atom(padded)[:, 0]

    def reference_density(self, l_max: int) -> Tensor:
        """[g, m] reference multipoles, for direct training."""
        return self.padded(self.batch.labels[MULTIPOLES.name][:, : (l_max + 1) ** 2])


@dataclass(frozen=True)
class Density:
    """A point's density.

    Attributes:
        multipoles: [g, m] in e, e Å.
        fermi_level: [g] μ = −∂E/∂Q in eV as solved for; None where the point has none.
        scf: health of the solve.
        residual: [g, m] of direct training.
        polarization: [g, 3] in e Å, the cell's dipole where charge moves along bonds.
    """

    multipoles: Tensor
    fermi_level: Tensor | None = None
    scf: ScfReport | None = None
    residual: Tensor | None = None
    polarization: Tensor | None = None


class Point(nn.Module, ABC):
    """A point of the design space.

    Class attributes that a point states:
        predicts: label names beside energy and forces.
        options: keys of ``ModelConfig`` that it uses beside those of the backbone.
        modes: training modes that apply; none where nothing is self-consistent.
        recommended: what ``training.mode=auto`` means.
        knows_total_charge: whether its energy depends on the total charge asked for.
        variational: whether the density makes the energy stationary, so that μ = −∂E/∂Q.
        dipole_is_derivative: whether the dipole is −∂E/∂E_field of the backbone's energy: to train
            its response would take the backbone's third derivatives, which it does not have.
        Options: dataclass of a point from outside for ``model.options``, with fields by
            ``bench.config.key.key``; their values are in ``own``.
    """

    predicts: ClassVar[frozenset[str]] = frozenset({"multipoles", "dipole"})
    options: ClassVar[frozenset[str]] = DENSITY_OPTIONS
    modes: ClassVar[tuple[Mode, ...]] = ()
    recommended: ClassVar[Mode] = Mode.implicit
    knows_total_charge: ClassVar[bool] = True
    variational: ClassVar[bool] = True
    dipole_is_derivative: ClassVar[bool] = False
    Options: ClassVar[type[Any]] = NoOptions

    own: Any  # an instance of Options
    atomic_energies: Tensor  # [z, 1] eV
    potential_shifts: Tensor  # [z, 1] eV Å³/e
    mean_charges: Tensor  # [z] e

    def __init__(self, config: ModelConfig, facts: TrainingFacts, *, dtype: torch.dtype) -> None:
        super().__init__()
        self.config = config
        self.own = own_options(type(self), config)
        self.facts = facts
        self.graph_settings = graph_settings(config, facts.elements, dtype)
        self.backbone = Backbone(
            config,
            facts.elements,
            avg_num_neighbors=facts.avg_num_neighbors,
            scale=facts.force_scale,
        )
        baseline = facts.baseline
        self.register_buffer("atomic_energies", _column(baseline.atomic_energies))
        self.register_buffer("potential_shifts", _column(baseline.potential_shifts))
        self.register_buffer("mean_charges", torch.tensor(facts.mean_charges, dtype=torch.float64))

    @property
    def num_parameters(self) -> int:
        """How many numbers training changes."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    @abstractmethod
    def density(self, inputs: Inputs, mode: Mode) -> Density:
        """The density that belongs to geometry, field and charge."""

    def internal_energy(self, inputs: Inputs, density: Density) -> Tensor:
        """[g] energy in eV beside short-range, Coulomb and field energy; none by default."""
        return torch.zeros_like(inputs.batch.total_charge)

    def forward(
        self,
        batch: Batch,
        *,
        mode: Mode = Mode.implicit,
        training: bool = False,
        unrolling: Unrolling = UNROLLING,
        compute_forces: bool = True,
        compute_stress: bool = False,
        compute_polarizability: bool = False,
        report_response: bool = False,
    ) -> Prediction:
        """Predict everything that the point knows of a batch.

        Args:
            batch: g structures.
            mode: direct, unrolled or implicit self-consistency.
            training: keep the graph of the forces for a second derivative.
            unrolling: how unrolled self-consistency goes.
            compute_forces: differentiate the energy with respect to positions.
            compute_stress: and with respect to a homogeneous strain (bulk structures).
            compute_polarizability: differentiate the dipole with respect to the field, of points
                that predict its response; not in direct training, whose density is the reference.
            report_response: also report the eigenvalues of the density's response, which costs
                more than the density itself, and how far its μ is from −∂E/∂Q.
        """
        batch, strain = _with_gradients(batch, compute_forces, compute_stress)
        responds = compute_polarizability and POLARIZABILITY.name in self.predicts
        responds = responds and mode is not Mode.direct
        field = batch.electric_field.detach().requires_grad_(responds)
        has_gap = report_response and not training and self.has_fermi_level_gap
        charge = batch.total_charge.detach().requires_grad_(has_gap)
        batch = replace(batch, electric_field=field, total_charge=charge)
        prediction = self.predict(
            batch, mode, training=training, unrolling=unrolling, report_response=report_response
        )
        if responds:
            assert prediction.dipole is not None
            prediction.polarizability = jacobian(prediction.dipole, field, create_graph=training)
        if has_gap and prediction.chemical_potential is not None:
            (slope,) = torch.autograd.grad(prediction.energy.sum(), charge, retain_graph=True)
            prediction.fermi_level_gap = prediction.chemical_potential + slope
        wanted = [x for x in (batch.positions, strain) if x is not None and x.requires_grad]
        if wanted:
            gradients = torch.autograd.grad(
                prediction.energy.sum(), wanted, create_graph=training, retain_graph=training
            )
            prediction.forces = -gradients[0]
            if strain is not None:
                volume = torch.linalg.det(batch.cell.detach()).abs()
                prediction.stress = gradients[1] / volume[:, None, None]
        return prediction if training else prediction.detached()

    def predict(
        self,
        batch: Batch,
        mode: Mode,
        *,
        training: bool = False,
        unrolling: Unrolling = UNROLLING,
        report_response: bool = False,
    ) -> Prediction:
        """Everything but the derivatives; arguments as of ``forward``."""
        nodes = self.backbone(batch)
        inputs = Inputs(batch, nodes, self.maps(batch), report_response, training, unrolling)
        density = self.density(inputs, mode)
        p = density.multipoles
        potential = inputs.maps.potential(p)
        total_charge = (inputs.maps.charge * p).sum(1)
        parts = {
            "baseline": self.baseline(batch),
            "short_range": batch.per_structure(nodes.energy),
            "internal": self.internal_energy(inputs, density),
            "coulomb": self._coulomb_energy(inputs, p, potential),
            "field": (inputs.maps.applied * p).sum(1),
        }
        if self.config.ensemble is Ensemble.constant_fermi_level:
            parts["reservoir"] = self.reservoir_energy(batch, total_charge)
        multipoles = inputs.per_atom(p)
        return Prediction(
            energy=torch.stack(list(parts.values())).sum(0),
            energy_parts=parts,
            multipoles=multipoles,
            total_charge=total_charge,
            dipole=dipole(
                batch.dense(multipoles), batch.dense(batch.positions), cell_centre(batch.cell)
            ),
            electrostatic_potential=inputs.at_atoms(potential + inputs.maps.applied),
            potential_error=self._potential_error(inputs, density),
            polarization=density.polarization,
            fermi_level=self._label_fermi_level(inputs, density),
            chemical_potential=self._chemical_potential(inputs, density),
            density_residual=None
            if density.residual is None
            else inputs.per_atom(density.residual),
            scf=density.scf,
        )

    def _potential_error(self, inputs: Inputs, density: Density) -> Tensor | None:
        """[n] in V, the density's potential at each atom less the reference multipoles'."""
        l_max = self.config.l_max
        if density.residual is not None or not inputs.batch.has_density(l_max).any():
            return None
        difference = density.multipoles - inputs.reference_density(l_max)
        return inputs.at_atoms(inputs.maps.potential(difference))

    def _coulomb_energy(self, inputs: Inputs, p: Tensor, potential: Tensor) -> Tensor:
        """[g] ½ pᵀAp in eV from A p; without each atom's own share where the options say so."""
        if not self.config.energy_self_interaction:
            width = self.config.smearing_width
            own = own_entries(inputs.batch.geometry(), width, width, self.config.l_max)
            potential = potential - own * p
        return (potential * p).sum(1) / 2

    def reservoir_energy(self, batch: Batch, total_charge: Tensor) -> Tensor:
        """[g] energy of the electrons exchanged with a reservoir at a fixed Fermi level, in eV."""
        return torch.zeros_like(total_charge)

    def maps(self, batch: Batch) -> AnyMaps:
        """What applies the maps of the batch's geometry; features where the point uses them.

        Products alone for periodic structures: their derivatives cost as little as they do, those
        of a matrix several times its assembly.  Open structures have no such operator.
        """
        return self._maps(batch, CoulombOperator if bool((batch.boundary > 0).all()) else assemble)

    def matrices(self, batch: Batch) -> Maps:
        """The same maps as matrices, for direct solves."""
        return self._maps(batch, assemble)

    def _maps(self, batch: Batch, build: Callable[..., AnyMapsT]) -> AnyMapsT:
        config = self.config
        return build(
            batch.geometry(),
            smearing_width=config.smearing_width,
            l_max=config.l_max,
            feature_widths=config.feature_widths if self.uses_features else (),
            feature_self_interaction=config.feature_self_interaction,
        )

    @property
    def has_fermi_level_gap(self) -> bool:
        """Whether μ is solved for in an equation that is not the energy's own."""
        return FERMI_LEVEL.name in self.predicts and not self.variational

    @property
    def uses_features(self) -> bool:
        """Whether the density responds to potential features."""
        return self.options >= FEATURE_OPTIONS

    def baseline(self, batch: Batch) -> Tensor:
        """[g] Σ E0 + Q Σ s_Z / V in eV (``bench.data.statistics.Baseline``)."""
        atomic = batch.per_structure(batch.node_attrs.double() @ self.atomic_energies)[:, 0]
        return atomic + batch.total_charge * self.average_shift(batch)

    def average_shift(self, batch: Batch) -> Tensor:
        """[g] Σ s_Z / V in V: zero of the labels' potential against that of smeared charges."""
        shift = batch.per_structure(batch.node_attrs.double() @ self.potential_shifts)[:, 0]
        volume = torch.linalg.det(batch.cell).abs()
        return torch.where(batch.boundary > 0, shift / volume, torch.zeros_like(shift))

    def _chemical_potential(self, inputs: Inputs, density: Density) -> Tensor | None:
        """[g] −∂E/∂Q of the energy, baseline included."""
        if density.fermi_level is None:
            return None
        return density.fermi_level - self.average_shift(inputs.batch)

    def _label_fermi_level(self, inputs: Inputs, density: Density) -> Tensor | None:
        """[g] the Fermi level in the labels' zero of potential, the cell average."""
        if density.fermi_level is None:
            return None
        average = inputs.maps.cell_average_shift(density.multipoles)
        return density.fermi_level + average - self.average_shift(inputs.batch)


def build_point(
    point: type[Point], config: ModelConfig, facts: TrainingFacts, *, dtype: torch.dtype, seed: int
) -> Point:
    """Build a point whose backbone starts from the same weights as any other's at equal seed."""
    refuse_unused_options(point, config)
    with random_stream(seed, dtype):
        return point(config, facts, dtype=dtype)


def own_options(point: type[Point], config: ModelConfig) -> Any:
    """``model.options`` as the dataclass that the class declares.

    Raises:
        BenchError: an option that it does not have, of another type or not allowed.
    """
    return filled(
        point.Options,
        config.options,
        where="model.options.",
        see=f"See bench run --help model={config.name}",
    )


def refuse_unused_options(point: type[Point], config: ModelConfig) -> None:
    """An option that the point would ignore is a mistake.

    Raises:
        BenchError: naming the option and those that the point uses.
    """
    used, default = BACKBONE_OPTIONS | point.options, ModelConfig(name=config.name)
    allowed = used | keys_in(ModelConfig, NAMING)
    for name in (item.name for item in fields(ModelConfig)):
        value = getattr(config, name)
        if name not in allowed and value != getattr(default, name):
            raise BenchError(
                f"model.{name}={value} has no effect on model={config.name}.",
                f"Options of {config.name}: {', '.join(sorted(used))}.",
            )


def jacobian(values: Tensor, by: Tensor, *, create_graph: bool) -> Tensor:
    """[g, 3, 3] ∂values_a/∂by_b of two vectors [g, 3] of each structure, zero where independent."""
    rows = [
        torch.autograd.grad(
            values[:, a].sum(),
            by,
            create_graph=create_graph,
            retain_graph=True,
            materialize_grads=True,
        )[0]
        for a in range(3)
    ]
    return torch.stack(rows, dim=1)


def _column(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)[:, None]


def _with_gradients(
    batch: Batch, compute_forces: bool, compute_stress: bool
) -> tuple[Batch, Tensor | None]:
    """A batch whose positions, and cell through a strain [g, 3, 3], can be differentiated."""
    positions = batch.positions.detach().requires_grad_(compute_forces or compute_stress)
    if not compute_stress:
        return replace(batch, positions=positions), None
    strain = torch.zeros_like(batch.cell, requires_grad=True)
    symmetric = 0.5 * (strain + strain.mT)
    moved = positions + torch.einsum("ni,nij->nj", positions, symmetric[batch.structure])
    cell = batch.cell + batch.cell @ symmetric
    return replace(batch, positions=moved, cell=cell), strain
