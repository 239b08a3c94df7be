"""One arm from its first exchange to its last, on any bus."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec
import numpy as np

from scenarios.roles import ArmPlan, build_role, roles_of
from scenarios.run_folder import PLANT_MODEL, write_document, write_text
from streams.bus import Bus, topics_of
from streams.lockstep import Participant, run_lockstep, writers
from streams.messages import AnyMessage
from streams.recorder import RecorderRole
from streams.role import Outgoing, Role

RESULT = "result.json"


class Latency(msgspec.Struct, frozen=True):
    """Wall-clock figures of the detectors; None where none took part or another process ran them."""

    verdict_p50_ms: float | None = None
    verdict_p99_ms: float | None = None
    deadline_misses: int | None = None


class ArmResult(msgspec.Struct, frozen=True):
    """What remains of an arm beside its folder. record_digest: of everything the recorder saw."""

    arm: str
    record_digest: str
    latency: Latency


class TimedRole:
    """A role whose steps are timed; otherwise the role itself."""

    def __init__(self, role: Role) -> None:
        self._role = role
        self.name: str = role.name
        self.reads: Mapping[str, int] = role.reads
        self.writes: Sequence[str] = role.writes
        self._spent_s: list[float] = []

    def step(self, k: int, t_s: float, inbox: Mapping[str, Sequence[AnyMessage]]) -> list[Outgoing]:
        """The role's own step."""
        started = time.perf_counter()
        outgoing = self._role.step(k, t_s, inbox)
        self._spent_s.append(time.perf_counter() - started)
        return outgoing

    def close(self) -> None:
        """Close the role."""
        self._role.close()

    def latency(self, deadline_s: float) -> Latency:
        """Percentiles over the exchanges so far; a step longer than deadline_s misses its deadline."""
        spent = np.array(self._spent_s)
        return Latency(
            float(np.percentile(spent, 50) * 1e3),
            float(np.percentile(spent, 99) * 1e3),
            int((spent > deadline_s).sum()),
        )


def keep_result(plan: ArmPlan, recorder: RecorderRole, latency: Latency) -> ArmResult:
    """The result of an arm that came to its end, also in its folder."""
    result = ArmResult(plan.arm, recorder.digest(), latency)
    if recorder.model is not None:
        # With it the folder stands alone: it can be trained from and certified.
        write_text(plan.folder / PLANT_MODEL, recorder.model.encode().decode())
    write_document(plan.folder / RESULT, result)
    return result


def read_result(folder: Path) -> ArmResult | None:
    """What ``keep_result`` kept; None for an arm that never came to its end."""
    path = folder / RESULT
    return msgspec.json.decode(path.read_bytes(), type=ArmResult) if path.is_file() else None


def n_exchanges(plan: ArmPlan) -> int:
    """Exchanges of an arm: one at the start, one at the end of each period."""
    return plan.scenario.exchanges + 1


def run_arm(plan: ArmPlan, bus: Bus, run: str, on_progress: Callable[[int], None] | None = None) -> ArmResult:
    """All roles of one arm in this process. run: id of the run, without the arm.

    Raises BadInput or RunFailed; the recorder's files are readable then as well.
    """
    exchange_s = plan.scenario.scenario.exchange_s
    name = f"{run}.{plan.arm}"
    roles: list[Role] = []
    with ExitStack() as undo:
        for role_name in roles_of(plan):
            roles.append(build_role(role_name, plan))
            undo.callback(roles[-1].close)
        # From here on run_lockstep closes them.
        undo.pop_all()
    recorder = roles[-1]
    assert isinstance(recorder, RecorderRole)
    timed = {role.name: TimedRole(role) for role in roles if role.name == "detector"}
    roles = [timed.get(role.name, role) for role in roles]
    bus.declare(topics_of(name))
    expected = writers(roles)
    participants = [Participant(role, bus, name, expected, exchange_s) for role in roles]
    run_lockstep(participants, n_exchanges(plan), on_progress)
    latency = timed["detector"].latency(exchange_s) if timed else Latency()
    return keep_result(plan, recorder, latency)
