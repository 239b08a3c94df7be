"""Branch ratings where a case has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from simulator.grid.case import GridCase

ANGLE_LIMIT_DEG = 7.5
VOLTAGE_LIMIT_PU = 1.06


def derived_rating_mva(case: GridCase) -> NDArray[np.float64]:
    """PGLib-OPF's rule, (l,) MVA.

    ceil(100 min(kV e^-5.0886 (x/r)^0.4772, 1.06^2 2 sin(7.5 deg)/|z|)), z in per unit on 100 MVA
    (Babaeinejadsarookolaee et al., arXiv:1908.02788). The first term is a regression on overhead lines; it is
    left out between two voltage levels, without resistance and without a nominal voltage, as in PGLib.
    """
    scale = 100.0 / case.base_mva
    r, x = case.branch_r * scale, case.branch_x * scale
    angle = VOLTAGE_LIMIT_PU**2 * 2.0 * np.sin(np.radians(ANGLE_LIMIT_DEG)) / np.hypot(r, x)
    kv = case.bus_kv[case.branch_from]
    line = (r > 0.0) & (x > 0.0) & (kv == case.bus_kv[case.branch_to]) & (kv > 1.0)
    ratio = np.divide(x, r, out=np.ones(len(r)), where=line)
    thermal = np.where(line, kv * np.exp(-5.0886) * ratio**0.4772, np.inf)
    return np.asarray(np.ceil(100.0 * np.minimum(thermal, angle)))
