"""What the control centre decides in one exchange, from received values alone."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from simulator.control.areas import Areas
from simulator.control.believed_units import BelievedUnits
from simulator.control.dispatch import DispatchResult
from simulator.control.orders import Orders
from simulator.control.received import ReceivedState
from simulator.control.redispatch import PERIOD_S, Redispatch
from simulator.control.restoration import Restoration
from simulator.control.scan_kernels import approach
from simulator.control.water_scada import WaterScada
from simulator.settings import ControlSettings
from streams.messages import AnyMessage, Directive
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]

_LOG = logging.getLogger(__name__)
WORTH_LOGGING_MW = 1.0


class ControlCentre:
    """Decisions of one exchange; knows the operator's model and what was received, nothing else."""

    def __init__(self, model: PlantModel, settings: ControlSettings | None = None) -> None:
        settings = settings or ControlSettings()
        self._model = model
        self._received = ReceivedState(model)
        self._power_slots = self._received.slots(u.power_tag for u in model.units)
        self._redispatch = Redispatch(model, self._received, settings.reserve_share)
        self._areas = Areas(model, self._received, settings)
        self._believed = BelievedUnits(np.array([u.p_max_mw for u in model.units]))
        self._restoration = (
            Restoration(model, self._received, self._redispatch, self._believed, settings)
            if settings.restoration
            else None
        )
        self._water = WaterScada(model, self._received)
        self._base = np.array([u.scheduled_mw for u in model.units])
        self._target = self._base.copy()
        self._ordered: Floats = self._base.copy()
        self._ramp = np.array([u.ramp_mw_per_min for u in model.units]) / 60.0 * model.exchange_s
        self._on_target = True
        self._next_redispatch = 1
        self._water_heard_s: float | None = None

    def decide(
        self, t_s: float, received: Floats, water_reported: bool, directives: Iterable[AnyMessage] = ()
    ) -> Orders:
        """All orders of one exchange.

        received (t,): what came, in plant-model tag order, NaN where nothing did; water_reported: whether the
        stations of tanks were among those that reported.
        """
        self._received.update(received)
        if self._redispatch.observe():
            self._areas.regroup(self._redispatch.island, self._redispatch.closed)
        changed = self._obey(directives)
        changed |= self._follow_units()
        if changed or t_s >= self._next_redispatch * PERIOD_S:
            self._next_redispatch = int(t_s // PERIOD_S) + 1
            self._solve(t_s)
        power = self._unit_setpoints()
        setpoints = [] if self._restoration is None else self._restoration.decide(t_s)
        if water_reported:
            if self._water_heard_s is not None:
                self._water.observe(t_s - self._water_heard_s)
            self._water_heard_s = t_s
            setpoints += self._water.setpoints()
        return Orders(power, setpoints)

    def _obey(self, directives: Iterable[AnyMessage]) -> bool:
        """Enter and leave safe modes; True where the dispatch must be solved at once."""
        changed = False
        for directive in directives:
            if not isinstance(directive, Directive):
                continue
            enter = directive.action == "enter"
            if directive.mode == "protected_dispatch":
                changed = True
                if enter:
                    self._redispatch.enter_safe_mode()
                else:
                    self._redispatch.leave_safe_mode()
            elif directive.mode == "mass_balance_control":
                self._water.safe = enter
        return changed

    def _follow_units(self) -> bool:
        """Which units run, as received; one that is off has no base point, one that is back starts from what
        it gives. True where that has changed."""
        was_on = self._believed.on
        power = self._received.values[self._power_slots]
        if not self._believed.observe(power, self._ordered, self._model.exchange_s):
            return False
        on = self._believed.on
        back = on & ~was_on
        for points in (self._base, self._target):
            points[~on] = 0.0
            points[back] = np.nan_to_num(power[back])
        self._on_target = False
        return True

    def _solve(self, t_s: float) -> None:
        result = self._redispatch.solve(self._base, self._believed.capacity_mw)
        new = result.power_mw
        self._areas.schedule(self._redispatch.expected_flows(new))
        self._target, self._on_target = new.copy(), False
        _log_slacks(t_s, result)

    def _unit_setpoints(self) -> Floats:
        if not self._on_target:
            self._approach_target()
        self._ordered = self._areas.correct(
            self._base, self._believed.capacity_mw, self._ordered, self._model.exchange_s
        )
        return self._ordered

    def _approach_target(self) -> None:
        moved = np.empty_like(self._base)
        self._on_target = not approach(self._target, self._ramp, self._base, moved)
        if not self._on_target:
            self._areas.absorb(moved)


def _log_slacks(t_s: float, result: DispatchResult) -> None:
    """Soft limits must not hide what the dispatch could not do."""
    found = (
        ("believed overload", result.slack_mw),
        ("shortage", result.shortage_mw),
        ("reserve missing", result.reserve_short_mw),
    )
    for what, mw in found:
        if abs(mw) > WORTH_LOGGING_MW:
            _LOG.info("dispatch at %g s: %s %.1f MW", t_s, what, mw)
