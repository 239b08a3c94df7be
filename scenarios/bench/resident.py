"""Memory that this process holds."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

_PAGE = resource.getpagesize()


def resident_mb() -> float:
    """Resident set in megabytes; where /proc is missing, the largest so far."""
    status = Path("/proc/self/statm")
    if status.is_file():
        return int(status.read_text().split()[1]) * _PAGE / 1e6
    scale = 1.0 if sys.platform == "darwin" else 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6
