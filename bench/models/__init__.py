"""The points of the design space."""

import bench.e3nn_import  # noqa: F401  before anything imports e3nn
