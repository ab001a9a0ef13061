"""The backbone is mace's: same blocks, same order, same numbers."""

from __future__ import annotations

import torch

from bench.models.facts import gather_facts
from tests.models.test_points import batch_of, build, tiny_config
from tests.structures import bulk, cluster, slab


def mace_data(batch: object, cell: torch.Tensor) -> dict[str, torch.Tensor]:
    sender, _ = batch.edge_index
    shifts = torch.einsum("ei,eij->ej", batch.unit_shifts, cell[batch.structure[sender]])
    counts = torch.cat([torch.zeros(1, dtype=torch.int64), batch.num_atoms.cumsum(0)])
    return {
        "positions": batch.positions.clone(),
        "node_attrs": batch.node_attrs,
        "edge_index": batch.edge_index,
        "shifts": shifts,
        "unit_shifts": batch.unit_shifts,
        "cell": cell.reshape(-1, 3),
        "batch": batch.structure,
        "ptr": counts,
        "head": torch.zeros(batch.num_structures, dtype=torch.int64),
    }


def test_equals_maces_own_forward() -> None:
    from bench.models.backbone import build_mace, random_stream

    model = build("short_range")
    frames = [slab(), bulk(), cluster()]
    config = tiny_config("short_range")
    facts = gather_facts(frames, config)
    with random_stream(0, torch.float64):
        mace = build_mace(
            config,
            facts.elements,
            avg_num_neighbors=facts.avg_num_neighbors,
            scale=facts.force_scale,
        )
    weights = model.backbone.mace.state_dict()
    missing, unexpected = mace.load_state_dict(weights, strict=False)
    assert unexpected == [] and missing == ["atomic_energies_fn.atomic_energies"]
    batch = batch_of(model, *frames)
    expected = mace(mace_data(batch, batch.cell))
    found = model(batch)
    torch.testing.assert_close(found.energy - found.baseline, expected["energy"], rtol=0, atol=1e-9)
    torch.testing.assert_close(found.forces, expected["forces"], rtol=0, atol=1e-9)
