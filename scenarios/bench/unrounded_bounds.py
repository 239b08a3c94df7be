"""Run in a process of its own: the run-time kernels with every rounding term 0, what soundness costs beside.

python -m scenarios.bench.unrounded_bounds NETWORK.npz    (as for ``bound_times``)

The same sources, compiled with other constants, and with leave to drop what is multiplied by 0 or has 0 added
to it. Bounds that come out are not sound.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import detectors

MODULE = "detectors.bounds.rounding"
DROP = {"nnan", "ninf", "nsz"}


def drop_rounding() -> None:
    """Before the kernels are imported: set their error terms to 0."""
    import numba

    file = Path(detectors.__file__).with_name("bounds") / "rounding.py"
    spec = importlib.util.spec_from_file_location(MODULE, file)
    assert spec is not None
    assert spec.loader is not None
    rounding: Any = importlib.util.module_from_spec(spec)
    sys.modules[MODULE] = rounding
    compiled: Any = numba.njit

    def careless(*function: Any, **options: Any) -> Any:
        return compiled(*function, **options | {"fastmath": set(options.get("fastmath", ())) | DROP})

    numba.njit = careless
    spec.loader.exec_module(rounding)
    rounding.UNIT, rounding.FLOOR, rounding.SPARE = 0.0, 0.0, 1.0


def main() -> None:
    """Print one JSON line: {"unrounded": {method: {windows: seconds of CPU time per call}}}."""
    with TemporaryDirectory() as folder:
        # Cached code is told apart by its source alone.
        os.environ["NUMBA_CACHE_DIR"] = folder
        drop_rounding()
        from scenarios.bench.bound_times import load, our_times

        print(json.dumps({"unrounded": our_times(*load(Path(sys.argv[1])))}))


if __name__ == "__main__":
    main()
