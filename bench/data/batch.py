"""Graphs of structures and batches of graphs: what every model sees.

Coordinates and cells stay in float64; the backbone casts edge vectors to its own type.  The cell
is the structure's own: mace's AtomicData replaces the vector of a non-periodic axis, which would
change the volume and the reciprocal vectors of a slab.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import ase
import torch
from ase.data import chemical_symbols
from torch import Tensor
from torch.utils.data import DataLoader

from bench.data.adjacency import GraphPairs, Neighbours, find_pairs, join_pairs
from bench.data.box import box_of
from bench.data.groups import TogetherSampler, geometry_of
from bench.density.geometry import Boundary, Geometry
from bench.density.reciprocal import boundary_of, half_sphere
from bench.errors import BenchError
from bench.labels import keys as names
from bench.labels.quantities import MULTIPOLES, QUANTITIES, Source
from bench.labels.state import SAME_FIELD
from bench.labels.stored import known, labelled_values


@dataclass(frozen=True)
class GraphSettings:
    """What a graph depends on beside the structure.

    Attributes:
        elements: atomic numbers, ascending; the order of the one-hot node attributes.
        r_max: cutoff of the edges in Å.
        narrowest_width: smallest Gaussian width of density and features in Å.
        cutoff_factor: of the reciprocal cutoff.
        dtype: of the backbone.
    """

    elements: tuple[int, ...]
    r_max: float
    narrowest_width: float
    cutoff_factor: float
    dtype: torch.dtype


@dataclass(frozen=True)
class Graph:
    """One structure; shapes as in ``Batch`` without the structure axis."""

    positions: Tensor
    atomic_numbers: Tensor
    node_attrs: Tensor
    pairs: GraphPairs
    cell: Tensor
    boundary: Boundary
    k_indices: Tensor
    total_charge: float
    electric_field: Tensor
    labels: dict[str, Tensor]
    has: dict[str, Tensor]
    index: int
    geometry: str


@dataclass
class Batch:
    """g structures with n atoms and p pairs, e = 2 p edges, in all.

    Attributes:
        positions: [n, 3] float64, Å.
        atomic_numbers: [n] int64.
        node_attrs: [n, z] one-hot over the elements, backbone's type.
        structure: [n] int64, the structure an atom belongs to.
        slot: [n] int64, the atom's row in padded arrays.
        pairs: [2, p] int64, atoms within the cutoff, each pair of images once.
        pair_shifts: [p, 3] float64, lattice vectors between the first and the second atom.
        neighbours: who sees whom.
        cell: [g, 3, 3] float64, Å, rows are vectors.
        boundary: [g] int64, values of ``Boundary``.
        k_indices: [g, k, 3] float64, padded with zeros.
        k_mask: [g, k] bool.
        total_charge: [g] float64, e.
        electric_field: [g, 3] float64, V/Å.
        labels: reference values by quantity, [n, c] or [g, c], [n] or [g] where c is 1; zero where
            absent.
        has: [g, c] bool by quantity, [g] where c is 1: components that are labelled and mean
            something.
        index: [g] int64, the structure's place in its split.
        group: [g] int64, equal for structures of one geometry; negative where unknown.
    """

    positions: Tensor
    atomic_numbers: Tensor
    node_attrs: Tensor
    structure: Tensor
    slot: Tensor
    pairs: Tensor
    pair_shifts: Tensor
    neighbours: Neighbours
    cell: Tensor
    boundary: Tensor
    k_indices: Tensor
    k_mask: Tensor
    total_charge: Tensor
    electric_field: Tensor
    labels: dict[str, Tensor]
    has: dict[str, Tensor]
    index: Tensor
    group: Tensor

    @property
    def num_structures(self) -> int:
        """g."""
        return len(self.total_charge)

    @property
    def num_atoms(self) -> Tensor:
        """[g] int64, atoms of each structure."""
        return torch.bincount(self.structure, minlength=self.num_structures)

    def has_density(self, l_max: int) -> Tensor:
        """[g] bool, whether the reference multipoles are known up to ``l_max``."""
        return self.has[MULTIPOLES.name][:, : (l_max + 1) ** 2].all(1)

    def charge_pairs(self) -> Tensor:
        """[2, k] structures of one geometry and field at different total charges."""
        one_geometry = self.group[:, None] == self.group
        one_charge = self.total_charge[:, None] == self.total_charge
        field = self.electric_field.detach()
        one_field = (field[:, None] - field).abs().amax(-1) < SAME_FIELD
        return torch.triu(one_geometry & one_field & ~one_charge, diagonal=1).nonzero().T

    def dense(self, per_atom: Tensor) -> Tensor:
        """[n, ...] to [g, atoms of the largest structure, ...], zero where padded."""
        largest = int(self.num_atoms.max())
        padded = per_atom.new_zeros(self.num_structures, largest, *per_atom.shape[1:])
        return padded.index_put((self.structure, self.slot), per_atom)

    def flat(self, padded: Tensor) -> Tensor:
        """[g, atoms of the largest structure, ...] to [n, ...]."""
        return padded[self.structure, self.slot]

    def per_structure(self, per_atom: Tensor) -> Tensor:
        """Sum [n, ...] over the atoms of each structure: [g, ...]."""
        total = per_atom.new_zeros(self.num_structures, *per_atom.shape[1:])
        return total.index_add(0, self.structure, per_atom)

    @property
    def edge_index(self) -> Tensor:
        """[2, e] int64, senders and receivers: every pair, then every pair reversed."""
        return torch.cat([self.pairs, self.pairs.flip(0)], dim=1)

    @property
    def unit_shifts(self) -> Tensor:
        """[e, 3] float64, lattice vectors that an edge crosses."""
        return torch.cat([self.pair_shifts, -self.pair_shifts])

    def pair_vectors(self) -> Tensor:
        """[p, 3] float64 in Å, from a pair's first atom to the second's image."""
        first, second = self.pairs
        cells = self.cell[self.structure[first]]  # [p, 3, 3]
        shifts = torch.einsum("pi,pij->pj", self.pair_shifts, cells)
        return self.positions[second] - self.positions[first] + shifts

    def edge_vectors(self) -> Tensor:
        """[e, 3] float64 in Å, from an edge's sender to the receiver's image."""
        vectors = self.pair_vectors()
        return torch.cat([vectors, -vectors])

    def geometry(self) -> Geometry:
        """The padded view that the electrostatics needs."""
        mask = torch.ones_like(self.structure, dtype=torch.bool)
        return Geometry(
            positions=self.dense(self.positions),
            mask=self.dense(mask),
            cell=self.cell,
            boundary=self.boundary,
            k_indices=self.k_indices,
            k_mask=self.k_mask,
            electric_field=self.electric_field,
            total_charge=self.total_charge,
        )

    def to(self, device: torch.device | str) -> Batch:
        """A copy on ``device``."""

        def move(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: tensor.to(device) for key, tensor in value.items()}
            return value.to(device)

        return replace(self, **{f.name: move(getattr(self, f.name)) for f in fields(self)})


def build_graph(atoms: ase.Atoms, settings: GraphSettings, index: int = 0) -> Graph:
    """The graph of one structure that ``bench.data.dataset`` has checked.

    Args:
        atoms: structure with total_charge, electric_field and reference labels in info and arrays.
        settings: elements, cutoffs and type.
        index: its place in its split, for messages.

    Raises:
        BenchError: boundary conditions that cannot be treated, an element that is not in
            ``settings``: its atoms would have no features at all.
    """
    pbc = tuple(bool(p) for p in atoms.pbc)
    boundary = boundary_of(atoms.cell.array, pbc, f"structure {index}")
    cell = box_of(atoms)
    numbers = torch.as_tensor(atoms.numbers, dtype=torch.int64)
    one_hot = _one_hot(numbers, settings.elements, index)
    labels, has = _reference(atoms)
    return Graph(
        positions=torch.as_tensor(atoms.positions, dtype=torch.float64),
        atomic_numbers=numbers,
        node_attrs=one_hot.to(settings.dtype),
        pairs=find_pairs(atoms, settings.r_max),
        cell=torch.as_tensor(cell, dtype=torch.float64),
        boundary=boundary,
        k_indices=torch.as_tensor(
            half_sphere(
                cell,
                boundary,
                narrowest_width=settings.narrowest_width,
                cutoff_factor=settings.cutoff_factor,
            ),
            dtype=torch.float64,
        ),
        total_charge=float(atoms.info[names.TOTAL_CHARGE_KEY]),
        electric_field=torch.as_tensor(atoms.info[names.ELECTRIC_FIELD_KEY], dtype=torch.float64),
        labels=labels,
        has=has,
        index=index,
        geometry=geometry_of(atoms),
    )


def _one_hot(numbers: Tensor, elements: tuple[int, ...], index: int) -> Tensor:
    """[n, z] bool."""
    one_hot = numbers[:, None] == torch.tensor(elements)
    strangers = numbers[~one_hot.any(dim=1)].unique().tolist()
    if strangers:
        raise BenchError(
            f"structure {index} has {', '.join(chemical_symbols[z] for z in strangers)}, "
            "which the model was not trained on.",
            f"Elements that it knows: {', '.join(chemical_symbols[z] for z in elements)}.",
        )
    return one_hot


def _reference(atoms: ase.Atoms) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """[n, c] or [c] reference values, zeros where absent, and [c] which are known."""
    quantities = [q for q in QUANTITIES.values() if q.source is not Source.derived]
    return (
        {q.name: torch.as_tensor(labelled_values(atoms, q)) for q in quantities},
        {q.name: torch.as_tensor(known(atoms, q)) for q in quantities},
    )


def _pad(tensors: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Stack [k_i, ...] to [g, max k, ...] with the mask of real rows [g, max k]."""
    padded = torch.nn.utils.rnn.pad_sequence(list(tensors), batch_first=True)
    counts = torch.tensor([len(t) for t in tensors])
    return padded, torch.arange(padded.shape[1])[None] < counts[:, None]


def collate(graphs: Sequence[Graph]) -> Batch:
    """Join graphs into one batch."""
    counts = torch.tensor([len(g.positions) for g in graphs])
    offsets = torch.cumsum(counts, 0) - counts
    k_indices, k_mask = _pad([g.k_indices for g in graphs])
    labels, has = _collate_labels(graphs)
    geometries = [g.geometry for g in graphs]
    group = [geometries.index(x) if x else -1 - place for place, x in enumerate(geometries)]
    return Batch(
        positions=torch.cat([g.positions for g in graphs]),
        atomic_numbers=torch.cat([g.atomic_numbers for g in graphs]),
        node_attrs=torch.cat([g.node_attrs for g in graphs]),
        structure=torch.repeat_interleave(torch.arange(len(graphs)), counts),
        slot=torch.cat([torch.arange(int(c)) for c in counts]),
        pairs=torch.cat([g.pairs.index + o for g, o in zip(graphs, offsets)], dim=1),
        pair_shifts=torch.cat([g.pairs.unit_shifts for g in graphs]),
        neighbours=join_pairs(
            [g.pairs for g in graphs],
            [g.node_attrs.argmax(dim=1) for g in graphs],
            graphs[0].node_attrs.shape[1],
        ),
        cell=torch.stack([g.cell for g in graphs]),
        boundary=torch.tensor([int(g.boundary) for g in graphs]),
        k_indices=k_indices,
        k_mask=k_mask,
        total_charge=torch.tensor([g.total_charge for g in graphs], dtype=torch.float64),
        electric_field=torch.stack([g.electric_field for g in graphs]),
        labels=labels,
        has=has,
        index=torch.tensor([g.index for g in graphs]),
        group=torch.tensor(group),
    )


def _collate_labels(graphs: Sequence[Graph]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Reference values and which are known for a batch, single components without their axis."""
    labels, has = {}, {}
    for name in graphs[0].labels:
        quantity = QUANTITIES[name]
        rows = [g.labels[name] for g in graphs]
        joined = torch.cat(rows) if quantity.per_atom else torch.stack(rows)
        present = torch.stack([g.has[name] for g in graphs])
        single = quantity.components == 1
        labels[name] = joined[:, 0] if single else joined
        has[name] = present[:, 0] if single else present
    return labels, has


def make_loader(
    frames: Sequence[ase.Atoms],
    settings: GraphSettings,
    *,
    batch_size: int,
    generator: torch.Generator | None = None,
    together: int = 0,
) -> DataLoader[Graph]:
    """Batches of ``frames``; graphs are built once.

    Args:
        frames: checked structures.
        settings: of the model, ``model.graph_settings``.
        batch_size: structures per batch.
        generator: draws a new order each epoch; without one the order is that of ``frames``.
        together: how many states of a geometry, at most, stay in one batch (``TogetherSampler``);
            0: as they fall.
    """
    graphs = [build_graph(atoms, settings, index) for index, atoms in enumerate(frames)]
    if together:
        sampler = TogetherSampler(frames, batch_size, together, generator)
        return DataLoader(
            graphs,  # type: ignore[arg-type]
            batch_sampler=sampler,
            generator=generator,
            collate_fn=collate,
        )
    return DataLoader(
        graphs,  # type: ignore[arg-type]
        batch_size=batch_size,
        shuffle=generator is not None,
        generator=generator,
        collate_fn=collate,
    )
