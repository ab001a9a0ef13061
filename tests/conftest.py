"""One thread per test process: the models are tiny, and pytest-xdist fills the cores."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("COLUMNS", None)  # tables keep to it, and tests read whole tables

import bench.mace_import  # noqa: F401  before a test imports mace by itself
