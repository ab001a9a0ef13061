"""A few field updates of local multipoles, not self-consistent: MACE-POLAR-1 on our maps.

The update and its energy readout are mace-torch's own blocks (``mace.modules.field_blocks``), in
the order of ``PolarMACE.forward`` of mace-torch 0.3.16: a density from local features, brought to
the total charge by a Fukui function; then each update reads the potential of the present density
and of the applied field (its zero at the atoms' barycentre), adds to every multipole, and brings
the density back to the total charge by a Fukui function of its own.

What differs from PolarMACE:
    - one density, since no label tells spins apart; PolarMACE updates one for either spin.  The
      update's two Fukui functions are added;
    - Fukui functions are positive (softplus), so that their normalisation cannot divide by zero;
    - the first density is that of ``local_charges``, the one of the other points here;
    - what an update adds is in units of 0.05 e (e Å), what the readout adds in units of 0.1 eV, and
      an update's last biases are left out: at the start one step of the optimiser changed every
      charge by an electron;
    - features enter the blocks with a mean square below one: what an update adds grows with a high
      power of them, and they grow a hundredfold in training;
    - the last layer has scalars alone, as in the other points, so the layers are mixed by one
      linear map of their joined features, which also feed the energy readout (there: the last
      layer); l = 1 is limited to dipoles;
    - the energy readout sees the final density and its potential (there: the potential before the
      last update, and the sum of first and final density);
    - Coulomb energy and potentials are those of ``bench.density``: exact for open structures and
      charged slabs, and with the atoms' own Gaussians as the options say.
"""

from __future__ import annotations

import bench.mace_import  # noqa: F401  # isort: skip  before mace

from typing import ClassVar

import torch
from e3nn import o3
from mace.modules.field_blocks import (
    AgnosticEmbeddedOneBodyVariableUpdate,
    OneBodyMLPFieldReadout,
)
from torch import Tensor, nn
from torch.nn.functional import softplus

from bench.backbone.model import NodeFeatures
from bench.config.schema import Mode, ModelConfig
from bench.errors import BenchError
from bench.models.base import FEATURE_OPTIONS, Density, Inputs, Point
from bench.models.facts import TrainingFacts
from bench.models.heads import MultipoleHead, ScalarHead

FEATURE_SCALE = 100.0  # mace's untrained features are of order 0.01
UPDATE_SCALE = 0.05  # e and e Å, of what fields move: a step of the optimiser moves no whole charge
ENERGY_SCALE = 0.1  # eV


class Polar(Point):
    """p ← p + F(h, v[p]), then Σq = Q by a Fukui function, ``num_updates`` times.

    E = E_sr + E_nonlocal(h, p, v[p]) + ½ pᵀAp + v_app·p at the last density; not variational.

    Raises:
        BenchError: fewer than one update.
    """

    predicts: ClassVar[frozenset[str]] = Point.predicts | {"polarizability"}
    options: ClassVar[frozenset[str]] = (
        Point.options | FEATURE_OPTIONS | {"num_updates", "nonlocal_energy"}
    )
    variational: ClassVar[bool] = False

    feature_norms: Tensor  # [f] V and V/Å

    def __init__(self, config: ModelConfig, facts: TrainingFacts, *, dtype: torch.dtype) -> None:
        if config.num_updates < 1:
            raise BenchError(
                f"model.num_updates={config.num_updates}: model={config.name} needs one at least.",
                "Without updates it would be model=local_charges.",
            )
        super().__init__(config, facts, dtype=dtype)
        scalars, vectors = self.backbone.num_scalars, self.backbone.num_vectors
        elements = len(facts.elements)
        self.local = MultipoleHead(
            scalars, vectors, mean_charges=self.mean_charges, l_max=config.l_max
        )
        self.fukui = ScalarHead(scalars, elements, outputs=1)
        layouts = Layouts(config, elements, scalars, vectors)
        self.mixing = o3.Linear(layouts.joined, layouts.mixed).double()
        self.mixing.weight.data.mul_(FEATURE_SCALE)
        self.updates = nn.ModuleList(field_update(layouts) for _ in range(config.num_updates))
        self.readout = energy_readout(layouts) if config.nonlocal_energy else None
        self.register_buffer("feature_norms", expanded_norms(facts, config))

    def density(self, inputs: Inputs, mode: Mode) -> Density:
        """The density after the last update, whatever the mode."""
        nodes, attrs = inputs.nodes, inputs.batch.node_attrs
        mixed = self.mixed(nodes)
        p = self.local(nodes, attrs)
        p = shifted(p, self.fukui(nodes, attrs)[:, 0], inputs)
        for update in self.updates:
            change = update(
                **structural_arguments(inputs),
                node_feats=mixed,
                potential_features=self.potential(inputs, p),
                local_charges=p,
            )
            p = shifted(p + UPDATE_SCALE * change[:, :-2], change[:, -2:].sum(1), inputs)
        return Density(inputs.padded(p))

    def internal_energy(self, inputs: Inputs, density: Density) -> Tensor:
        """[g] E_nonlocal of the last density and its potential."""
        if self.readout is None:
            return super().internal_energy(inputs, density)
        p = inputs.per_atom(density.multipoles)
        energies = self.readout(
            **structural_arguments(inputs),
            node_feats=self.mixed(inputs.nodes),
            field_feats=self.potential(inputs, p),
            charges_0=torch.zeros_like(p),
            charges_induced=p,
        )
        return ENERGY_SCALE * inputs.batch.per_structure(energies)

    def mixed(self, nodes: NodeFeatures) -> Tensor:
        """[n, irreps] features of all layers as the blocks take them, vectors as (y, z, x)."""
        mixed: Tensor = self.mixing(torch.cat([nodes.scalars, nodes.vectors.flatten(1)], dim=1))
        channels = self.config.num_channels
        return torch.cat([bounded(mixed[:, :channels]), bounded(mixed[:, channels:])], dim=1)

    def potential(self, inputs: Inputs, multipoles: Tensor) -> Tensor:
        """[n, f] features of the potential in their norms, of multipoles [n, c] and the field.

        The field's potential is zero at the barycentre of each structure: a shift of the structure
        changes nothing, and no Fermi level is there to compensate it.
        """
        maps = inputs.maps
        assert maps.feature_applied is not None and maps.feature_charge is not None
        barycentre = (maps.applied * maps.charge).sum(1) / maps.charge.sum(1)  # [g] V
        applied = maps.feature_applied - barycentre[:, None] * maps.feature_charge
        features = maps.seen(inputs.padded(multipoles)) + applied
        return inputs.per_atom(features) / self.feature_norms


class Layouts:
    """Irreps of what goes into mace's blocks.

    Args:
        config: channels, degrees and widths.
        elements: chemical elements.
        scalars: invariant features of all layers.
        vectors: equivariant features of all layers.
    """

    def __init__(self, config: ModelConfig, elements: int, scalars: int, vectors: int) -> None:
        channels, widths = config.num_channels, len(config.feature_widths)
        degrees = o3.Irreps.spherical_harmonics(config.l_max)
        self.elements = o3.Irreps(f"{elements}x0e")
        self.joined = o3.Irreps(f"{scalars}x0e+{vectors}x1o")
        self.mixed = o3.Irreps(f"{channels}x0e" + (f"+{channels}x1o" if vectors else ""))
        self.multipoles = degrees
        self.potential = o3.Irreps([(widths, irrep) for _, irrep in degrees])

    def block_arguments(self) -> dict[str, object]:
        """Arguments of both blocks; those of edges are taken by mace and not used."""
        return {
            "node_attrs_irreps": self.elements,
            "node_feats_irreps": self.mixed,
            "edge_attrs_irreps": o3.Irreps("0e"),
            "edge_feats_irreps": o3.Irreps("0e"),
            "target_irreps": self.mixed,
            "hidden_irreps": self.mixed,
            "avg_num_neighbors": 1.0,
            "potential_irreps": self.potential,
            "charges_irreps": self.multipoles,
        }


def bounded(features: Tensor) -> Tensor:
    """[n, f] features x / √(1 + ⟨x²⟩), of which no atom's mean square exceeds one."""
    if not features.shape[1]:
        return features
    return features / (1 + features.square().mean(1, keepdim=True)).sqrt()


def field_update(layouts: Layouts) -> nn.Module:
    """mace's update in float64, zero at first: [n, multipoles + 2], the last two for Fukui.

    Its last biases stay zero.  What one adds to every charge the Fukui function takes away, so
    that their gradients are rounding, of which Adam, which divides by their size, makes a step.
    """
    arguments = layouts.block_arguments()
    block = AgnosticEmbeddedOneBodyVariableUpdate(**arguments, field_norm_factor=1.0)
    nn.init.zeros_(block.readout.linear_2.weight)
    block.readout.linear_2.bias.requires_grad_(False)
    double: nn.Module = block.double()
    return double


def energy_readout(layouts: Layouts) -> nn.Module:
    """mace's energy of density and potential in float64, zero at first: [n] in eV."""
    block = OneBodyMLPFieldReadout(**layouts.block_arguments())
    nn.init.zeros_(block.mlp.net[-1].weight)
    nn.init.zeros_(block.mlp.net[-1].bias)
    double: nn.Module = block.double()
    return double


def structural_arguments(inputs: Inputs) -> dict[str, Tensor]:
    """What both blocks take of a batch; they use the elements alone."""
    batch = inputs.batch
    return {
        "node_attrs": batch.node_attrs.double(),
        "edge_attrs": batch.unit_shifts,
        "edge_feats": batch.unit_shifts,
        "edge_index": batch.edge_index,
    }


def shifted(multipoles: Tensor, fukui: Tensor, inputs: Inputs) -> Tensor:
    """[n, c] multipoles brought to the total charges where the Fukui function says.

    Args:
        multipoles: [n, c] in e, e Å.
        fukui: [n], made positive and normalised here.
        inputs: batch.
    """
    batch = inputs.batch
    weights = softplus(fukui)
    missing = batch.total_charge - batch.per_structure(multipoles[:, 0])
    per_weight = (missing / batch.per_structure(weights))[batch.structure]
    charges = multipoles[:, 0] + weights * per_weight
    return torch.cat([charges[:, None], multipoles[:, 1:]], dim=1)


def expanded_norms(facts: TrainingFacts, config: ModelConfig) -> Tensor:
    """[f] RMS of each feature, one per component, from one per (l, width)."""
    norms = torch.tensor(facts.feature_norms, dtype=torch.float64)
    widths = len(config.feature_widths)
    return torch.cat([norms[:widths], norms[widths:].repeat_interleave(3)])
