"""The points of the design space."""

import bench.libraries  # noqa: F401  before anything imports mace or e3nn
