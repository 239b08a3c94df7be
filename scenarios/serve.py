"""One role of one arm as its own process, over Kafka."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from scenarios import run_folder
from scenarios.arm_run import ArmResult, Latency, n_exchanges
from scenarios.arms import Arm
from scenarios.commands.run import load
from scenarios.prepare import Prepared, parse_arm, prepare
from scenarios.provenance import provenance_of
from scenarios.roles import ROLE_NAMES, ArmPlan, build_role, expected_writers
from scenarios.run import describe, record_end, summarise_into
from streams.bus import topics_of
from streams.errors import BadInput
from streams.kafka_bus import KafkaBus
from streams.lockstep import Participant
from streams.recorder import RecorderRole


def serve_role(
    role: str,
    scenario_name: str,
    arm_name: str,
    run_id: str,
    bus_kind: str,
    bootstrap: str,
    seed: int | None,
    overrides: tuple[str, ...],
    out: Path | None,
) -> None:
    """Take part from the first exchange to the last. Raises BadInput, RunFailed."""
