"""Time patterns of an INP replaced by those of a CSV file, as epanetCPA's C-Town scenarios do."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from epanet import toolkit as en

from simulator.water.layout import Floats
from streams.errors import BadInput


def replace_patterns(project: Any, path: Path) -> None:
    """Column i of the file becomes pattern i of the INP, a row per pattern step, and repeats after its end.

    Raises BadInput for a file that cannot be read or does not fit.
    """
    count = int(en.getcount(project, en.PATCOUNT))
    allowed = f"a CSV file of numbers of at least 0, one column for each of the INP's {count} patterns"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of an empty file, refused below
            table: Floats = np.loadtxt(path, delimiter=",", ndmin=2)
    except (OSError, ValueError) as failure:
        raise BadInput("water.patterns", str(path), f"{allowed} ({failure})") from None
    if table.shape[1] != count or len(table) == 0:
        raise BadInput("water.patterns", f"{path} with {table.shape[1]} columns", allowed)
    if not (np.isfinite(table).all() and (table >= 0.0).all()):
        raise BadInput("water.patterns", str(path), allowed)
    values = en.doubleArray(len(table))
    for pattern, column in enumerate(table.T.tolist(), start=1):
        for row, value in enumerate(column):
            values[row] = value
        en.setpattern(project, pattern, values, len(column))
