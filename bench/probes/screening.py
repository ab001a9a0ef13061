"""How much of an applied field is left inside a bare metal slab?"""

from __future__ import annotations

import ase
import numpy as np
import torch
from numpy.typing import NDArray

from bench.density.constants import FIELD_CONSTANT
from bench.probes.materials import metal_slab, state
from bench.probes.probe import Probe
from bench.probes.result import Measurement, Observed
from bench.probes.subject import Subject, bare_batch, coulomb_maps

FIELD = 0.1  # V/Å
SPREAD_BAR = 0.2  # wide Gaussians leave the outer layers a little of the field


def screening(subject: Subject) -> Observed:
    """Potential spread over the layers relative to the bare field's, and each layer's charge."""
    subject.needs("multipoles")
    slab = metal_slab(subject.elements)  # one atom per layer
    slab = slab[np.argsort(slab.positions[:, 2])]
    induced = induced_multipoles(subject, slab)
    potential = potential_slope(slab, induced, width=subject.smearing_width)
    bare = FIELD * float(np.ptp(slab.positions[:, 2]))
    area = slab.get_volume() / slab.cell[2, 2]
    layers = enumerate(induced[:, 0].tolist(), start=1)
    return Observed(
        f"{slab.get_chemical_formula()}(111), one atom per layer, {FIELD:g} V/Å",
        [
            Measurement("unscreened potential", float(np.ptp(potential)) / bare, "", SPREAD_BAR),
            *(Measurement(f"induced charge, layer {n}", charge, "e") for n, charge in layers),
            Measurement("surface charge of a conductor", FIELD * area / FIELD_CONSTANT, "e"),
        ],
    )


def induced_multipoles(subject: Subject, slab: ase.Atoms) -> torch.Tensor:
    """[n, c] in e (e Å): half the difference between fields of both signs along z."""
    both = []
    for sign in (1, -1):
        prediction = subject.predict(state(slab, field=np.array([0.0, 0.0, sign * FIELD])))
        assert prediction.multipoles is not None
        both.append(prediction.multipoles.cpu())
    return (both[0] - both[1]) / 2


def potential_slope(slab: ase.Atoms, induced: torch.Tensor, *, width: float) -> NDArray[np.float64]:
    """[n] in V: potential of the induced density and of the field, seen by each atom's Gaussian."""
    batch = bare_batch(state(slab, field=np.array([0.0, 0.0, FIELD])), width=width)
    maps, p = coulomb_maps(batch, induced, width=width)
    potential = torch.einsum("gij,gj->gi", maps.coulomb, p) + maps.applied
    at_atoms: NDArray[np.float64] = potential.reshape(len(slab), -1)[:, 0].numpy()
    return at_atoms


PROBE = Probe("screening", "does a bare metal screen a field?", screening, learned=True)
