"""placeholder"""

from pathlib import Path

from simulator.grid.cases.tables import Tables


def read_pandapower_file(path: Path) -> Tables:
    raise NotImplementedError
