"""Recorded data that the product does not ship."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def shared_data(name: str) -> Path:
    """A file of ``BREAKWATER_DATA`` (default ../shared/data); the test is skipped where it is absent."""
    path = Path(os.environ.get("BREAKWATER_DATA", ROOT / "../shared/data")) / name
    if not path.is_file():
        pytest.skip(f"no {name} in {path.parent}")
    return path
