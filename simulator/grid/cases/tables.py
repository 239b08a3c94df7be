"""A case as MATPOWER's matrices, whatever it was read from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Tables:
    """One case. source: file or package name, for messages; name: of the case.

    bus (n, 13+), gen (g, 10+), branch (l, 11+), gencost (g, 5+; no rows: no costs), dcline (k, 17+):
    MATPOWER's columns. genfuel, gentype (g,): names, empty where the case has none. nominal_hz.
    from_catalogue: its data are known, so that branches without rating beside rated ones are no mistake.
    notes: what reading had to assume.
    """

    source: str
    name: str
    base_mva: float
    bus: Floats
    gen: Floats
    branch: Floats
    gencost: Floats
    dcline: Floats
    genfuel: tuple[str, ...] = ()
    gentype: tuple[str, ...] = ()
    nominal_hz: float = 60.0
    from_catalogue: bool = False
    notes: tuple[str, ...] = ()
