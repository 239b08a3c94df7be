"""Generic tampering for training data: no plan, no feedback, nothing a shipped scenario uses.

Load redistribution and level spoofing are held out of training; a detector meets them for the first time in
evaluation.
"""

from __future__ import annotations

import hashlib
from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from scenarios.attackers.base import Attacker, Budget, Options, TapOrder, View
from scenarios.attackers.lie import flow_and_load_orders
from simulator.control.dc_model import build_dc_model
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class RandomOptions(Options, frozen=True):
    """seed: of this attacker's own luck; period_s: how long one shift lasts."""

    seed: Annotated[int, Meta(ge=0)] = 0
    period_s: Annotated[float, Meta(gt=0)] = 120.0


def _generator(name: str, seed: int, step: int) -> np.random.Generator:
    digest = hashlib.blake2b(f"{name}|{seed}|{step}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest)))


def generic_shift(luck: np.random.Generator, load: Floats, ptdf: Floats, most_mw: Floats) -> Floats:
    """One shift of 20 or more loads by 5 to 50 % each and at most ``most_mw``, total zero, (n_bus,); half of
    them along the sensitivity ``ptdf`` (n_branch, n_bus) of one or two random lines, half of random signs."""
    loaded = np.flatnonzero(load > 0.0)
    count = int(luck.integers(min(20, len(loaded)), len(loaded) + 1))
    chosen = luck.choice(loaded, size=count, replace=False)
    direction = np.zeros(len(load))
    if luck.random() < 0.5:
        lines = luck.choice(len(ptdf), size=2)
        row = ptdf[lines[0]] * luck.choice([-1.0, 1.0]) + ptdf[lines[1]] * luck.choice([-1.0, 0.0, 1.0])
        direction[chosen] = np.sign(row[chosen] - np.median(row[chosen]))
    else:
        direction[chosen] = luck.choice([-1.0, 1.0], size=count)
    tau = luck.uniform(0.05, 0.5)
    shift: Floats = direction * np.minimum(tau * load, most_mw)
    # Scaling the heavier side down keeps the total and stays within the budget.
    up, down = shift[shift > 0.0].sum(), -shift[shift < 0.0].sum()
    if up <= 0.0 or down <= 0.0:
        return np.zeros(len(load))
    shift[shift > 0.0] *= min(1.0, down / up)
    shift[shift < 0.0] *= min(1.0, up / down)
    return shift


class RandomShift(Attacker):
    """Every period another shift of received loads, total unchanged, flows made to fit.

    Half of the shifts push along the sensitivity of a random line or pair of lines, half have random signs.
    """

    name = "random_shift"
    description = "random shifts of received loads with consistent flows; for training data"
    options_type = RandomOptions

    def __init__(self, budget: Budget, options: Options) -> None:
        super().__init__(budget, options)
        assert isinstance(options, RandomOptions)
        self._options = options
        self._step = -1
        self._closed: Flags | None = None
        self._ptdf: Floats = np.empty((0, 0))

    def plan(self, view: View) -> list[TapOrder]:
        """A new shift when the period is over; every other period is left clean."""
        step = int((view.t_s - self.budget.start_s) // self._options.period_s)
        if view.model is None or step == self._step:
            return []
        self._step = step
        model = view.model
        luck = _generator(self.name, self._options.seed, step)
        load = np.array([_seen(view, b.load_tag) for b in model.buses])
        closed = np.array([_seen(view, b.status_tag) > 0.5 for b in model.branches])
        ptdf = self._ptdf_of(model, closed)
        shift = np.zeros(len(load)) if step % 2 else self._shift(luck, load, ptdf, model)
        return flow_and_load_orders(model, self.budget, ptdf, shift, view.t_s)

    def _ptdf_of(self, model: PlantModel, closed: Flags) -> Floats:
        if self._closed is None or not np.array_equal(closed, self._closed):
            self._closed, self._ptdf = closed, build_dc_model(model, closed).ptdf
        return self._ptdf

    def _shift(self, luck: np.random.Generator, load: Floats, ptdf: Floats, model: PlantModel) -> Floats:
        eps = np.array([self.budget.eps.get(b.load_tag, 0.0) for b in model.buses])
        return generic_shift(luck, load, ptdf, eps)


class RandomLevel(Attacker):
    """Every period another falsification of the levels SCADA and the pump controllers receive.

    Both links get the same lie: an offset, a frozen value or an old stretch played again.
    """

    name = "random_level"
    description = "random offsets, holds and replays of received tank levels; for training data"
    options_type = RandomOptions

    def __init__(self, budget: Budget, options: Options) -> None:
        super().__init__(budget, options)
        assert isinstance(options, RandomOptions)
        self._options = options
        self._step = -1

    def plan(self, view: View) -> list[TapOrder]:
        """A new lie when the period is over; every other period is left clean."""
        step = int((view.t_s - self.budget.start_s) // self._options.period_s)
        if view.model is None or step == self._step:
            return []
        self._step = step
        luck = _generator(self.name, self._options.seed, step)
        orders = []
        for tank in view.model.tanks:
            span = tank.level_max_m - tank.level_min_m
            kind = luck.choice(["offset", "hold", "replay"])
            value = {
                "offset": float(luck.choice([-1.0, 1.0]) * luck.uniform(0.1, 0.5) * span),
                "hold": 0.0,
                "replay": float(luck.integers(20, 120)) * 60.0,
            }[str(kind)]
            links = {tag.link for tag in view.model.tags if tag.name == tank.level_tag}
            links |= {entry.link for entry in view.model.link_tags if entry.tag == tank.level_tag}
            operation, value = ("offset", 0.0) if step % 2 else (str(kind), value)
            orders += [
                TapOrder(
                    link,
                    operation,  # type: ignore[arg-type]
                    (tank.level_tag,),
                    (value,),
                    view.t_s,
                    self.budget.end_s,
                )
                for link in sorted(links)
            ]
        return orders


def _seen(view: View, tag: str) -> float:
    """Value before the attacker's own tap where the link is in reach, else as received; 0 if missing."""
    assert view.model is not None
    link = f"{tag.split('/')[0]}>SCADA"
    value = view.intercept.get((link, tag), view.telemetry.get(tag, 0.0))
    return 0.0 if np.isnan(value) else value
