"""Words for how somebody's file counts; imports nothing, so that help answers at once."""

from __future__ import annotations

ORDERS = ("spherical", "cartesian")  # (q, d_y, d_z, d_x) and (q, d_x, d_y, d_z)
ORIGINS = ("unknown", "centre", "zero", "mass")  # of dipoles of charged structures
