"""Tests that every point has to pass, for models inside the package and outside of it.

A model's own tests inherit them (``pip install 'electromlip-bench[testing]'``)::

    from bench.testing import PointTests

    class TestMyPoint(PointTests):
        point = MyPoint
"""

import pytest

pytest.register_assert_rewrite("bench.testing.points", "bench.testing.batches")

from bench.testing.frames import bulk, cluster, labelled, slab  # noqa: E402
from bench.testing.points import PointTests  # noqa: E402
from bench.testing.small import batch_of, build, small_config  # noqa: E402

__all__ = [
    "PointTests",
    "batch_of",
    "build",
    "bulk",
    "cluster",
    "labelled",
    "slab",
    "small_config",
]
