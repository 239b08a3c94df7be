"""How far the operator's model is off the truth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.draws import Draws

OPERATOR_ERROR_SHARE = 0.015


def off(network: str, role: str, names: tuple[str, ...]) -> NDArray[np.float64]:
    """Factors 1 +- OPERATOR_ERROR_SHARE, fixed per network: the operator's errors do not follow the seed."""
    draws = np.clip(Draws(0, f"operator|{network}|{role}", names).at(0), -3.0, 3.0)
    factors: NDArray[np.float64] = 1.0 + OPERATOR_ERROR_SHARE * draws
    return factors
