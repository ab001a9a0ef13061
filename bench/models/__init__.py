"""The points of the design space."""

import bench.mace_import  # noqa: F401  before anything imports mace or e3nn
