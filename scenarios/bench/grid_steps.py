"""The grid alone, step by step: demand, power flow, frequency, protection, instruments; any network size."""

from __future__ import annotations

import json
import os
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simulator.grid.case import GridCase, load_case
from simulator.grid.grid import Grid
from simulator.grid.protection import ProtectionSettings
from simulator.instruments import POWER, Instruments
from simulator.nature.demand import ElectricDemand

SCAN_S = 4.0
MOST_SCANS = 1_000_000
START = datetime(2025, 7, 15, 11)
"""Close to the day's peak, which printed schedules are meant for."""

NO_TRIPS = ProtectionSettings(overload_pickup=100.0, fast_pickup=100.0, uvls_pu=0.0)
"""Some networks carry overloads or low voltages in their own printed state; here every scan is a calm one."""
GRID2OP_PYTHON = "BREAKWATER_GRID2OP_PYTHON"
"""Environment variable: interpreter of an environment with grid2op and lightsim2grid."""

_SCRIPT = Path(__file__).with_name("grid2op_steps.py")


class GridSteps:
    """A grid in calm, stepped by scans with new demand and sampled instruments."""

    def __init__(self, case: GridCase) -> None:
        self._demand = ElectricDemand(1, START, case, 1.0, SCAN_S, {}, None)
        self.grid = Grid(case, case.unit_scheduled_mw, NO_TRIPS)
        names = (*case.bus_name, *case.branch_name, *case.unit_name)
        reach = np.full(len(names), 1e4)
        self._instruments = Instruments(1, names, (POWER,) * len(names), -reach, reach, SCAN_S, MOST_SCANS)
        self._scan = 0

    def run(self, scans: int) -> None:
        """That many scans more."""
        for scan in range(self._scan, self._scan + scans):
            self.grid.set_demand(*self._demand.at(scan))
            self.grid.advance(scan * SCAN_S)
            grid = self.grid
            true = np.concatenate((grid.bus_voltage_pu, grid.branch_flow_from_mw, grid.unit_power_mw))
            self._instruments.measure(true, scan)
        self._scan += scans


def grid_steps_per_s(network: str, scans: int) -> float:
    """Steps per second of CPU time, warm."""
    steps = GridSteps(load_case(network))
    steps.run(20)
    started = time.process_time()
    steps.run(scans)
    return scans / (time.process_time() - started)


class Grid2OpFigure(NamedTuple):
    """What the other environment measured."""

    environment: str
    buses: int
    steps_per_s: float


def grid2op_steps_per_s() -> Grid2OpFigure | None:
    """Grid2Op on lightsim2grid in its own environment; None where none is installed or it does not run."""
    python = os.environ.get(GRID2OP_PYTHON, "")
    if not python:
        return None
    done = subprocess.run([python, str(_SCRIPT)], capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        return None
    return Grid2OpFigure(**json.loads(done.stdout.splitlines()[-1]))
