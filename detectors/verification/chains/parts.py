"""What the compiled search works on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.verification.chains.programme_kernels import Dictionary

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Rows(NamedTuple):
    """matrix @ outputs <= limits in all rows of a clause violates; clause c has rows starts[c] to
    starts[c + 1]. spare: (rows,) a row must exceed it, which is above 0, to be out of reach for every
    evaluation; proof: (rows,) a row at a point must be at most its negative to count as violated."""

    matrix: Floats
    limits: Floats
    starts: Ints
    spare: Floats
    proof: Floats


class Parts(NamedTuple):
    """A stack of parts. low, high: (parts, inputs); clause; bound: of the part it was split from; splits:
    (parts, most splits) as in ``bound_neurons``."""

    low: Floats
    high: Floats
    clause: Ints
    bound: Floats
    splits: NDArray[np.int32]


class Lines(NamedTuple):
    """p @ x + q of the rows of a part, the last place for the combined one; scratch of the search."""

    p: Floats
    q: Floats
    spare: Floats
    multipliers: Floats
    row: Floats
    score: Floats
    gain: Floats
    low: Floats
    high: Floats
    point: Floats
    dictionary: Dictionary
