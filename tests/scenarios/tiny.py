"""A real run small enough for tests: IEEE 14 and Net1, 51 exchanges."""

from pathlib import Path

import pytest

from scenarios.prepare import Prepared, prepare
from scenarios.scenario import Scenario, load_scenario

TOML = """
[scenario]
name = "tiny"
duration_s = 200
[grid]
network = "ieee14"
security = "n-0"
protected_flows = 4
[water]
network = "net1"
bus = "2"
[[attack]]
attacker = "random_shift"
start_s = 40
end_s = 160
links = ["S*>SCADA"]
eps = 0.2
[detector]
model = "{model}"
"""


def write_tiny(folder: Path) -> Path:
    """The scenario file; its model is one that is not there."""
    path = folder / "tiny.toml"
    path.write_text(TOML.format(model="default"))
    return path


def tiny(folder: Path, overrides: tuple[str, ...] = ()) -> Scenario:
    return load_scenario(str(write_tiny(folder)), overrides)


@pytest.fixture(scope="session")
def tiny_prepared(tmp_path_factory) -> Prepared:
    """The tiny scenario, prepared; no model of any kind fits it."""
    return prepare(tiny(tmp_path_factory.mktemp("tiny")), "tiny.toml")
