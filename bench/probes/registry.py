"""All probes in the order in which they are shown: what must hold exactly, then the learned."""

from __future__ import annotations

from bench.probes import (
    bystander,
    chain,
    derivative,
    dissociation,
    drift,
    invariance,
    screening,
    starts,
    supercells,
    vacuum,
    zero_field,
)

PROBES = {
    module.PROBE.name: module.PROBE
    for module in (
        invariance,
        derivative,
        supercells,
        vacuum,
        zero_field,
        bystander,
        starts,
        drift,
        dissociation,
        chain,
        screening,
    )
}
