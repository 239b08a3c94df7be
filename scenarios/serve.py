"""One role of one arm as its own process, over Kafka."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from scenarios.arm_run import Latency, keep_result, n_exchanges
from scenarios.arms import ARMS
from scenarios.prepare import Prepared, prepare
from scenarios.recording import joined
from scenarios.roles import COMPANIONS, ROLE_NAMES, ArmPlan, build_role, expected_writers
from scenarios.scenario import Scenario
from streams.bus import Bus, topics_of
from streams.errors import BadInput
from streams.lockstep import Participant, run_lockstep
from streams.recorder import RecorderRole


def serve_role(role: str, scenario: Scenario, arm: str, run: str, bus: Bus, out: Path | None) -> None:
    """Take part from the first exchange to the last. out: run folder, for the recorder and it alone.

    Raises BadInput for what cannot be, RunFailed when another participant failed or stayed away.
    """
    if (role == "recorder") != (out is not None):
        raise BadInput(
            "--out", None if out is None else str(out), "a folder for the recorder, for no other role"
        )
    prepared = prepare(scenario, scenario.scenario.name)
    if ARMS[arm].defended and prepared.model_folder is None:
        raise BadInput("--arm", arm, f"an arm without detector, because {prepared.misfit}")
    folder = out.resolve() if out is not None else Path()
    plan = ArmPlan(prepared.scenario, arm, prepared.model_folder, folder / arm)
    with _recorded(role, folder, prepared, run, arm):
        _take_part(role, plan, run, bus)


def check_role(role: str) -> None:
    """Raises BadInput for an unknown role."""
    if role not in ROLE_NAMES:
        raise BadInput("ROLE", role, ", ".join(ROLE_NAMES))


def _recorded(
    role: str, folder: Path, prepared: Prepared, run: str, arm: str
) -> AbstractContextManager[None]:
    return joined(folder, prepared, run, arm, "kafka") if role == "recorder" else nullcontext()


def _take_part(role: str, plan: ArmPlan, run: str, bus: Bus) -> None:
    name = f"{run}.{plan.arm}"
    built = [build_role(part, plan) for part in (*COMPANIONS.get(role, ()), role)]
    bus.declare(topics_of(name))
    exchange_s, expected = plan.scenario.scenario.exchange_s, expected_writers(plan)
    run_lockstep([Participant(part, bus, name, expected, exchange_s) for part in built], n_exchanges(plan))
    if isinstance(built[-1], RecorderRole):
        keep_result(plan, built[-1], Latency())
