"""A run: every chosen arm of a scenario, one nature for all, into one run folder."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from scenarios.arm_run import ArmResult, n_exchanges, run_arm
from scenarios.arms import Arm
from scenarios.eps_curves import write_eps_curves
from scenarios.prepare import Prepared
from scenarios.progress import RunProgress
from scenarios.recording import read_summary, recorded
from scenarios.roles import ArmPlan
from scenarios.summary import Summary
from scenarios.workers import run_arms, usable_cores
from streams.bus import Bus
from streams.kafka_bus import KafkaBus


def run_scenario(prepared: Prepared, arms: Sequence[Arm], folder: Path, bus: Bus | None = None) -> Summary:
    """Run the arms and write the folder: record, summary, provenance; the report comes after.

    bus: where the arms run one after the other; None means the embedded bus, arms side by side.
    Raises BadInput before anything is written, RunFailed and KeyboardInterrupt after marking the folder.
    """
    # No two runs share topics on a broker, even of the same scenario into the same folder.
    run = f"{prepared.scenario.scenario.name}-{secrets.token_hex(4)}"
    folder = folder.resolve()
    names = [arm.name for arm in arms]
    plans = [ArmPlan(prepared.scenario, name, prepared.model_folder, folder / name) for name in names]
    with recorded(folder, prepared, run, names, "memory" if bus is None else "kafka"):
        _run_all(plans, run, bus)
        if prepared.model_folder is not None:
            write_eps_curves(folder, prepared.plant_model, prepared.model_folder)
    return read_summary(folder)


def _run_all(plans: Sequence[ArmPlan], run: str, bus: Bus | None) -> None:
    exchange_s = plans[0].scenario.scenario.exchange_s
    with RunProgress([plan.arm for plan in plans], n_exchanges(plans[0]), exchange_s) as progress:

        def done(result: ArmResult) -> None:
            progress.finish(result.arm)

        if bus is None:
            run_arms(plans, run, usable_cores(), progress.update, done)
        else:
            for plan in plans:
                done(run_arm(plan, bus, run, partial(progress.update, plan.arm)))


@contextmanager
def open_bus(kind: str, bootstrap: str | None) -> Iterator[Bus | None]:
    """None for "memory"; for "kafka" a bus on ``bootstrap`` or on a development broker of its own.

    Raises BadInput where no broker is to be had.
    """
    if kind == "memory":
        yield None
        return
    with ExitStack() as stack:
        if bootstrap is None:
            from streams.broker import development_broker

            bootstrap = stack.enter_context(development_broker())
        bus = KafkaBus(bootstrap)
        stack.callback(bus.close)
        yield bus
