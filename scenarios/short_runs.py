"""Short clean runs straight from the twin's loop, without messages: many of them cost little, and rows need
many loads, seasons and outages rather than long stretches of few."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import NamedTuple, TypeVar

import msgspec
import numpy as np

from detectors.dataset import Run
from scenarios.direct_loop import DirectLoop
from scenarios.scenario import Scenario, load_scenario
from scenarios.training_strata import training_outage, training_start
from scenarios.workers import usable_cores
from simulator.control.dc_model import build_dc_model
from streams.plant_model import PlantModel

SETTLING_S = 160.0

T = TypeVar("T")
U = TypeVar("U")


class Order(NamedTuple):
    """One run: its number in a series from ``first_seed``; load_scale: range that its level is drawn from;
    outage_share: of the series' runs, each with one branch out from the start."""

    scenario: str
    first_seed: int
    number: int
    duration_s: float
    load_scale: tuple[float, float]
    outage_share: float


def in_all_cores(work: Callable[[U], T], orders: Sequence[U]) -> Iterator[T]:
    """``work`` of every order, in order, by as many processes as there are cores; the same whatever their
    number."""
    if usable_cores() == 1 or len(orders) < 2:
        yield from map(work, orders)
        return
    with ProcessPoolExecutor(usable_cores(), get_context("spawn")) as pool:
        yield from pool.map(work, orders, chunksize=4)


def record(order: Order) -> Run:
    """What SCADA receives in one run without attack, from SETTLING_S on."""
    luck = np.random.Generator(np.random.Philox(key=order.first_seed + order.number))
    scenario = _scenario(order, float(luck.uniform(*order.load_scale)))
    loop = DirectLoop(scenario.plant_settings(attacked=False))
    out = outage(loop.plant.model, order.first_seed, order.number, order.outage_share)
    if out:
        loop.close()
        grid = msgspec.structs.replace(scenario.grid, out_of_service=(out,))
        loop = DirectLoop(msgspec.structs.replace(scenario, grid=grid).plant_settings(attacked=False))
    received: list[np.ndarray] = []
    model = loop.plant.model
    scans = round(order.duration_s / scenario.scenario.scan_s) + 1
    loop.run(scans, lambda: received.append(loop.received()))
    loop.close()
    first = round(SETTLING_S / scenario.scenario.scan_s)
    telemetry = np.array(received)[first:]
    t_s = (np.arange(first, scans) * scenario.scenario.scan_s).astype(np.float64)
    clean = {"tampered": np.zeros(len(t_s), dtype=np.bool_)}
    return Run(f"run {order.first_seed + order.number}", model, t_s, telemetry, clean)


def outage(model: PlantModel, first_seed: int, number: int, share: float) -> str:
    """The branch that is out in run ``number`` of a series, "" for none; its loss splits nothing."""
    bridge = build_dc_model(model, np.ones(len(model.branches), dtype=np.bool_)).bridge
    rest = np.flatnonzero(~bridge)
    place = training_outage(first_seed, number, share, rest.size)
    return "" if place is None else model.branches[int(rest[place])].name


def _scenario(order: Order, load_scale: float) -> Scenario:
    base = load_scenario(order.scenario)
    general = msgspec.structs.replace(
        base.scenario,
        seed=order.first_seed + order.number,
        duration_s=order.duration_s,
        start=training_start(order.first_seed, order.number).isoformat(),
    )
    grid = msgspec.structs.replace(base.grid, load_scale=load_scale)
    return msgspec.structs.replace(base, scenario=general, grid=grid, attack=())
