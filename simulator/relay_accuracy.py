"""What relays see of the truth: the fixed error of each relay's own instrument transformer.

Relays have cores and windings of their own, so that nothing on a link can mislead them. Errors belong to the
device: they are the same for every seed. Half widths, uniform within: current 1 % (IEC 61869-2, class 5P at
rated current), voltage 3 % (IEC 61869-3, class 3P), frequency 5 mHz (a numerical relay).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.draws import Draws
from simulator.grid.case import GridCase
from simulator.grid.grid import Grid

Floats = NDArray[np.float64]

CURRENT_ERROR = 0.01
VOLTAGE_ERROR = 0.03
FREQUENCY_ERROR_HZ = 0.005
RELAY_NOTE = "Relays read currents within 1 %, voltages within 3 %, frequency within 5 mHz."


def fit_relays(grid: Grid, case: GridCase) -> None:
    """Give every relay of ``grid`` its own error."""
    loads = tuple(case.bus_name[bus] for bus in case.load_bus)
    frequency_error = FREQUENCY_ERROR_HZ / case.nominal_hz
    grid.fit_relays(
        branch_current=_gain(case, "branch-current", case.branch_name, CURRENT_ERROR),
        load_voltage=_gain(case, "load-voltage", loads, VOLTAGE_ERROR),
        unit_voltage=_gain(case, "unit-voltage", case.unit_name, VOLTAGE_ERROR),
        load_frequency=_gain(case, "load-frequency", loads, frequency_error),
        unit_frequency=_gain(case, "unit-frequency", case.unit_name, frequency_error),
    )


def _gain(case: GridCase, role: str, names: tuple[str, ...], half_width: float) -> Floats:
    luck = Draws(0, f"relay|{case.name}|{role}", names, kind="uniform").at(0)
    return np.asarray(1.0 + half_width * (2.0 * luck - 1.0))
