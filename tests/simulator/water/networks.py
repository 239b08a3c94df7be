"""INP files that the catalogue does not name: from the development extra, or recorded data by folder."""

import importlib.util
import os
from pathlib import Path

import pytest

from simulator.water.network import find_inp

_DATA = Path(os.environ.get("BREAKWATER_DATA", Path(__file__).parents[3] / ".." / "shared" / "data"))


def ctown_patterns() -> str:
    """epanetCPA's patterns of C-Town; skips where they are not installed."""
    path = _DATA / "ctown_patterns.csv"
    if not path.is_file():
        pytest.skip(f"{path.name} is not here")
    return str(path)


def inp(name: str) -> str:
    """A catalogue name as it is; "ky7", "net6", "ctown" as paths; skips where there is no file."""
    if name == "ctown":
        path = _DATA / "ctown.inp"
    elif name == "ky7":
        path = find_inp("ky4").with_name("ky7.inp")
    elif name == "net6":
        spec = importlib.util.find_spec("wntr")
        assert spec is not None
        assert spec.submodule_search_locations is not None
        path = Path(spec.submodule_search_locations[0]) / "library" / "networks" / "Net6.inp"
    else:
        return name
    if not path.is_file():
        pytest.skip(f"{path.name} is not here")
    return str(path)
