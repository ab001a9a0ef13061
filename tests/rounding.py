"""What rounding may leave, so that no test stands on the last bits of one machine's sums."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def rounding(*summed: ArrayLike) -> float:
    """The largest error that a sum of these numbers may have in double precision.

    Each addition errs by half an ulp of a partial sum, at most of Σ|x|; a factor of 64 is left for
    other orders of summation and for what made the numbers.
    """
    return float(64 * np.finfo(float).eps * sum(np.abs(np.asarray(x)).sum() for x in summed))
