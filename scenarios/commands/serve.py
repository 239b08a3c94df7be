"""``breakwater serve``."""

from __future__ import annotations

import re
from pathlib import Path

from scenarios.commands.run import load
from scenarios.prepare import parse_arm
from scenarios.run import open_bus
from scenarios.serve import check_role, serve_role
from streams.errors import BadInput

RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
"""What Kafka allows in the name of a topic, and room for the rest of it."""


def serve_command(
    role: str,
    scenario: str,
    arm: str,
    run: str,
    bus_kind: str,
    bootstrap: str,
    seed: int | None,
    overrides: tuple[str, ...],
    out: Path | None,
) -> None:
    """Check what was typed, connect, take part. Raises BadInput."""
    check_role(role)
    if bus_kind != "kafka":
        raise BadInput("--bus", bus_kind, "kafka")
    if not RUN_ID.fullmatch(run):
        raise BadInput("--run", run, "1 to 100 letters of ASCII, digits, - and _")
    loaded = load(scenario, seed, overrides)
    name = parse_arm(arm).name
    with open_bus(bus_kind, bootstrap) as bus:
        assert bus is not None
        serve_role(role, loaded, name, run, bus, out)
