"""``summary.json``: the figures of every arm and one digest over all results."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from scenarios.arm_run import read_result
from scenarios.arms import ARMS
from scenarios.detection import Detection, detection_of
from scenarios.scenario import Scenario
from scenarios.score import HarmAverted, harm_averted, outcome_of
from streams.plant_model import PlantModel

SCHEMA = 1


class ArmSummary(msgspec.Struct, frozen=True):
    """One arm's blocks, as the contract names them."""

    outcome: dict[str, Any]
    detection: Detection
    latency: dict[str, Any]


class Summary(msgspec.Struct, frozen=True):
    """The whole document. digest is None where the run did not complete."""

    schema: int
    scenario: str
    seed: int
    status: str
    digest: str | None
    arms: dict[str, ArmSummary]
    harm_averted: HarmAverted


def summarise(folder: Path, scenario: Scenario, plant: PlantModel, status: str) -> Summary:
    """Score every arm of a run folder that came to its end."""
    duration_s = scenario.scenario.duration_s
    found = {name: read_result(folder / name) for name in ARMS}
    ended = {name: result for name, result in found.items() if result is not None}
    arms = {
        name: ArmSummary(
            outcome_of(folder / name, arm),
            detection_of(folder / name, arm, plant, duration_s),
            msgspec.to_builtins(ended[name].latency),
        )
        for name, arm in ARMS.items()
        if name in ended
    }
    averted = harm_averted({name: arm.outcome for name, arm in arms.items()})
    records = {name: ended[name].record_digest for name in arms}
    digest = results_digest(arms, averted, records) if status == "complete" else None
    general = scenario.scenario
    return Summary(SCHEMA, general.name, general.seed, status, digest, arms, averted)


def results_digest(arms: dict[str, ArmSummary], averted: HarmAverted, records: dict[str, str]) -> str:
    """sha256 over figures and records of all arms; wall-clock figures and names are left out."""
    canonical = {
        "arms": {
            name: {"outcome": arm.outcome, "detection": arm.detection, "record": records[name]}
            for name, arm in arms.items()
        },
        "harm_averted": averted,
    }
    return hashlib.sha256(msgspec.json.encode(canonical, order="sorted")).hexdigest()
