"""What a training cost, for ``training.json``: it depends on the machine and enters no hash."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

POWERCAP = Path("/sys/class/powercap")
FILE = "training.json"


class Cost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """method: name of the loss; steps: done, whatever the number of calls; wall_s, cpu_s: of the process, all
    calls together; energy_j: of the processor packages in that time, other programmes included (RAPL), None
    where no counter can be read; resumed: whether more than one call was needed."""

    method: str
    steps: int
    wall_s: float
    cpu_s: float
    energy_j: float | None
    resumed: bool


class Meter:
    """Runs from its making; ``before``: what an interrupted call had spent."""

    def __init__(self, method: str, before: Cost | None = None, powercap: Path = POWERCAP) -> None:
        self._method, self._before, self._powercap = method, before, powercap
        self._wall_s, self._cpu_s = time.perf_counter(), time.process_time()
        self._energy_uj = package_energy_uj(powercap)

    def so_far(self, steps: int) -> Cost:
        """Spent until now."""
        wall_s, cpu_s = time.perf_counter() - self._wall_s, time.process_time() - self._cpu_s
        energy_j = self._energy_j()
        before = self._before
        if before is None:
            return Cost(self._method, steps, wall_s, cpu_s, energy_j, False)
        whole_j = None if energy_j is None or before.energy_j is None else energy_j + before.energy_j
        return Cost(self._method, steps, wall_s + before.wall_s, cpu_s + before.cpu_s, whole_j, True)

    def _energy_j(self) -> float | None:
        now = package_energy_uj(self._powercap)
        if not now or set(now) != set(self._energy_uj):
            return None
        spent = 0.0
        for name, (count, size) in now.items():
            # The counter starts again at its size.
            spent += (count - self._energy_uj[name][0]) % max(size, 1)
        return spent * 1e-6


def package_energy_uj(powercap: Path) -> dict[str, tuple[int, int]]:
    """Counter and its size, microjoules, of each processor package; empty where none can be read."""
    found = {}
    for zone in sorted(powercap.glob("intel-rapl:?")):
        try:
            count = int((zone / "energy_uj").read_text())
            size = int((zone / "max_energy_range_uj").read_text()) + 1
        except (OSError, ValueError):
            return {}
        found[zone.name] = (count, size)
    return found
