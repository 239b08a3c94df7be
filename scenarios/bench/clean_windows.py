"""Clean runs of the default plant, straight from the twin's loop: short, of all seasons and hours."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import NamedTuple

import msgspec
import numpy as np

from detectors.dataset import Run
from scenarios.bench.direct_loop import DirectLoop
from scenarios.scenario import Scenario, load_scenario
from scenarios.training_starts import training_start
from scenarios.workers import usable_cores
from simulator.control.dc_model import build_dc_model
from simulator.grid.case import load_case
from simulator.operator_errors import OPERATOR_ERROR_SHARE
from streams.plant_model import PlantModel

OUTAGE_SHARE = 0.4
SETTLING_S = 160.0


class Order(NamedTuple):
    """One run: its number in a series from ``first_seed``; load_scale: range that its level is drawn from."""

    first_seed: int
    number: int
    duration_s: float
    load_scale: tuple[float, float]


def clean_runs(first_seed: int, count: int, duration_s: float, load_scale: tuple[float, float]) -> list[Run]:
    """Recorded by as many processes as there are cores, labelled clean; the same whatever their number."""
    orders = [Order(first_seed, number, duration_s, load_scale) for number in range(count)]
    if usable_cores() == 1 or count == 1:
        return [record(order) for order in orders]
    with ProcessPoolExecutor(usable_cores(), get_context("spawn")) as pool:
        return list(pool.map(record, orders, chunksize=4))


def record(order: Order) -> Run:
    """What SCADA receives in one run without attack, from SETTLING_S on."""
    luck = np.random.Generator(np.random.Philox(key=order.first_seed + order.number))
    scenario = _scenario(order, float(luck.uniform(*order.load_scale)))
    loop = DirectLoop(scenario.plant_settings(attacked=False))
    if luck.random() < OUTAGE_SHARE:
        whole = loop.plant.model
        loop.close()
        bridge = build_dc_model(whole, np.ones(len(whole.branches), dtype=np.bool_)).bridge
        out = whole.branches[int(luck.choice(np.flatnonzero(~bridge)))].name
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


def _scenario(order: Order, load_scale: float) -> Scenario:
    base = load_scenario("flagship")
    general = msgspec.structs.replace(
        base.scenario,
        seed=order.first_seed + order.number,
        duration_s=order.duration_s,
        start=training_start(order.first_seed, order.number).isoformat(),
    )
    grid = msgspec.structs.replace(base.grid, load_scale=load_scale)
    return msgspec.structs.replace(base, scenario=general, grid=grid, attack=())


def another_operator(model: PlantModel, number: int) -> PlantModel:
    """The same plant as another operator would know it: errors of reactance drawn anew, 0 for the shipped
    ones. Dispatch in the recorded runs stays that of the shipped operator."""
    if number == 0:
        return model
    true_x = load_case(model.grid).branch_x
    luck = np.random.default_rng([number, len(true_x)])
    factors = 1.0 + OPERATOR_ERROR_SHARE * np.clip(luck.standard_normal(len(true_x)), -3.0, 3.0)
    branches = tuple(
        msgspec.structs.replace(b, x_pu=float(x))
        for b, x in zip(model.branches, true_x * factors, strict=True)
    )
    return msgspec.structs.replace(model, branches=branches)
