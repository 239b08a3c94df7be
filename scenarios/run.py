"""A run: every chosen arm of a scenario, one nature for all, into one run folder."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import msgspec

from scenarios import run_folder
from scenarios.arm_run import ArmResult, n_exchanges, run_arm
from scenarios.arms import Arm
from scenarios.prepare import Prepared
from scenarios.progress import RunProgress
from scenarios.provenance import Provenance, Status, provenance_of
from scenarios.roles import ArmPlan
from scenarios.summary import Summary, summarise
from scenarios.toml_text import to_toml
from scenarios.workers import run_arms, usable_cores
from streams.bus import Bus
from streams.kafka_bus import KafkaBus
from streams.tags_csv import write_tags


def run_scenario(prepared: Prepared, arms: Sequence[Arm], folder: Path, bus: Bus | None = None) -> Summary:
    """Run the arms and write the folder: record, summary, provenance; the report comes after.

    bus: where the arms run one after the other; None means the embedded bus, arms side by side.
    Raises BadInput before anything is written, RunFailed and KeyboardInterrupt after marking the folder.
    """
    name = f"{prepared.scenario.scenario.name}-{secrets.token_hex(4)}"
    folder = folder.resolve()
    run_folder.claim(folder)
    provenance = provenance_of(prepared, name, [arm.name for arm in arms], "kafka" if bus else "memory")
    plans = [ArmPlan(prepared.scenario, arm.name, prepared.model_folder, folder / arm.name) for arm in arms]
    results: list[ArmResult] = []
    with _recorded_end(folder, prepared, provenance, results):
        _describe(folder, prepared)
        _run_all(plans, name, bus, results)
        return _summarise(folder, prepared, results, "complete")


def _run_all(plans: Sequence[ArmPlan], name: str, bus: Bus | None, results: list[ArmResult]) -> None:
    exchange_s = plans[0].scenario.scenario.exchange_s
    with RunProgress([plan.arm for plan in plans], n_exchanges(plans[0]), exchange_s) as progress:

        def done(result: ArmResult) -> None:
            results.append(result)
            progress.finish(result.arm)

        if bus is None:
            run_arms(plans, name, usable_cores(), progress.update, done)
        else:
            for plan in plans:
                done(run_arm(plan, bus, name, partial(progress.update, plan.arm)))


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


@contextmanager
def _recorded_end(
    folder: Path, prepared: Prepared, provenance: Provenance, results: list[ArmResult]
) -> Iterator[None]:
    """Write provenance first, and again with how the run ended."""
    _write(folder, provenance)
    try:
        yield
    except KeyboardInterrupt:
        _summarise(folder, prepared, results, "interrupted")
        _write(folder, provenance, "interrupted", "Ctrl-C")
        raise
    except Exception as error:
        _write(folder, provenance, "failed", str(error))
        _summarise(folder, prepared, results, "failed")
        raise
    _write(folder, provenance, "complete")


def _write(
    folder: Path, provenance: Provenance, status: Status = "interrupted", reason: str | None = None
) -> None:
    ended = msgspec.structs.replace(provenance, status=status, reason=reason)
    run_folder.write_document(folder / run_folder.PROVENANCE, ended)


def _describe(folder: Path, prepared: Prepared) -> None:
    run_folder.write_text(folder / run_folder.SCENARIO, to_toml(prepared.scenario.document()))
    write_tags(folder / run_folder.TAGS, prepared.plant_model)
    run_folder.write_text(folder / run_folder.PLANT_MODEL, prepared.plant_model.encode().decode())


def _summarise(folder: Path, prepared: Prepared, results: list[ArmResult], status: str) -> Summary:
    summary = summarise(folder, prepared.scenario, results, status)
    run_folder.write_document(folder / run_folder.SUMMARY, summary)
    return summary
