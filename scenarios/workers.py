"""Arms side by side, one process each, on the embedded bus.

Every arm is a world of its own, so results do not depend on how many run at once. A worker reports progress
through a pipe and is told through the same pipe to stop; when either end goes away the other notices.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, TypeAlias

from scenarios.arm_run import ArmResult, run_arm
from scenarios.roles import ArmPlan
from streams.embedded import EmbeddedBus
from streams.errors import BadInput, RunFailed

REPORT_S = 0.1
"""Wall seconds between two progress reports of a worker."""

GRACE_S = 30.0
"""Wall seconds that workers get to close their files when the run stops early."""

_Pipe: TypeAlias = "Connection[Any, Any]"
OnProgress = Callable[[str, int], None]
OnDone = Callable[[ArmResult], None]


class _Stopped(BaseException):
    """The parent asked this worker to stop, or is gone."""


def usable_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_arms(
    plans: Sequence[ArmPlan], run: str, processes: int, on_progress: OnProgress, on_done: OnDone
) -> None:
    """Run every arm, at most ``processes`` at once; one process means this one.

    Raises the first failure after stopping the others; what they recorded so far stays readable.
    """
    if processes <= 1 or len(plans) == 1:
        for plan in plans:
            on_done(run_arm(plan, EmbeddedBus(), run, partial(on_progress, plan.arm)))
        return
    waiting, working = list(plans), dict[_Pipe, SpawnProcess]()
    try:
        while waiting or working:
            while waiting and len(working) < processes:
                connection, process = _start(waiting.pop(0), run)
                working[connection] = process
            for connection in [c for c in wait(list(working)) if isinstance(c, Connection)]:
                if _receive(connection, on_progress, on_done):
                    working.pop(connection).join()
    finally:
        _stop(working)


def _start(plan: ArmPlan, run: str) -> tuple[_Pipe, SpawnProcess]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_work, args=(plan, run, there), daemon=True)
    process.start()
    there.close()
    return here, process


def _receive(connection: _Pipe, on_progress: OnProgress, on_done: OnDone) -> bool:
    """Handle one message; True when the worker is done. Raises what the worker reports as failed."""
    try:
        kind, content = connection.recv()
    except EOFError:
        raise RunFailed("a worker process ended without a result; was it killed?") from None
    if kind == "progress":
        on_progress(*content)
        return False
    if kind == "done":
        on_done(content)
        return True
    if kind == "bad input":
        raise BadInput(*content)
    raise RunFailed(content)


def _stop(working: dict[_Pipe, SpawnProcess]) -> None:
    for connection in working:
        # The worker sees the closed pipe at its next report.
        connection.close()
    deadline = time.monotonic() + GRACE_S
    for process in working.values():
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():
            process.terminate()
            process.join()


def _work(plan: ArmPlan, run: str, connection: _Pipe) -> None:
    # Ctrl-C reaches the whole process group; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    reported_s = 0.0

    def report(done: int) -> None:
        nonlocal reported_s
        now = time.monotonic()
        if now - reported_s < REPORT_S:
            return
        reported_s = now
        try:
            connection.send(("progress", (plan.arm, done)))
        except OSError:
            raise _Stopped from None

    try:
        result: tuple[str, Any] = ("done", run_arm(plan, EmbeddedBus(), run, report))
    except _Stopped:
        return
    except BadInput as error:
        result = ("bad input", (error.where, error.value, error.allowed))
    except Exception as error:
        result = ("failed", f"arm {plan.arm}: {_sentence(error)}")
    try:
        connection.send(result)
    except OSError:
        return


def _sentence(error: Exception) -> str:
    return str(error) if isinstance(error, RunFailed) else f"{type(error).__name__}: {error}"
