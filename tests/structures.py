"""The made-up structures of ``bench.testing``, under the name that tests know."""

from bench.testing.frames import bulk, cluster, labelled, slab

__all__ = ["bulk", "cluster", "labelled", "slab"]
