"""How much memory a step takes at its peak, by torch's own account.

Every allocation and release of torch's allocator is recorded while the step runs once, so that the
number is exact, the same in every process and under any load, whatever was allocated before (the
resident size of a process would say what its largest step ever took, libraries included).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from typing import Any

from torch.profiler import ProfilerActivity, profile

from bench.speed.timing import Step

MEMORY_EVENT = "[memory]"


def peak_memory(step: Step) -> float:
    """MiB that a step has allocated at once at its peak, beyond what is there before it.

    Weights, the optimiser's state and the batch are there before; gradients, activations and what
    autograd keeps are not.

    Args:
        step: on the CPU; it is run once to warm up and once more.
    """
    step()
    with _silent(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        step()
    profiler: Any = recorded.profiler
    events = [
        (event.start_ns(), event.nbytes())
        for event in profiler.kineto_results.events()
        if event.name() == MEMORY_EVENT and event.device_type().name == "CPU"
    ]
    changes = (size for _, size in sorted(events, key=lambda event: event[0]))
    return max(accumulate(changes), default=0) / 2**20


@contextmanager
def _silent() -> Iterator[None]:
    """Nothing on the error stream: the profiler's C++ tells each start and stop there."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
