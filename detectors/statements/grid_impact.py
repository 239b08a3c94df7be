"""Impact certificate of the grid: how far a line can truly be loaded behind a report that no residual sees.

An attacker shifts received loads by x (n,), |x_b| <= tau load_b, total unchanged, and falsifies every
unprotected flow so that it fits. Residuals of the linear model then see x only through protected flows,
F_p x. A shift with F_p x = 0 on every protected line p is invisible to any detector that reads the linear
model's consistency; ``tolerance_mw`` widens that to |F_p x| <= tolerance (what given rows let pass).

Believed and true flow differ by the lie alone: true_l = believed_l + F_l x, whatever is dispatched. Two
statements follow, each a linear programme for every line and direction:

* ``hidden``: believed flows are those of the state (a received picture); what can truly stand behind it;
* ``redispatched``: believed flows are those of *any* dispatch within unit limits, line limits and, where the
  grid is run n-1 secure, post-contingency limits (Alsac, Stott 1974), solved on the shifted loads. The
  operator's own cost is not assumed, so no price, tie or ramp can break the bound. A limit that the state
  itself exceeds counts as what it carries now, so that the present dispatch is always one of them.

Load redistribution: Yuan, Li, Ren, IEEE Trans. Smart Grid 2011. Flows are DC flows plus the offset that the
operator tracks; AC truth lies beside them and is checked by a power flow where one is at hand.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from detectors.dc import Bools, Floats, Ints
from detectors.grid_calibration import GridCalibration
from detectors.grid_features import GridFeatures
from detectors.statements.grid_state import GridState
from detectors.statements.linear_programme import Optimum, Programme
from streams.errors import BadInput

Kind = Literal["hidden", "redispatched"]
KINDS: tuple[Kind, ...] = ("hidden", "redispatched")

MAX_ROUNDS = 30
SCREEN_MARGIN_MW = 0.01

_SHARED = (
    "Flows are linear in injections with the operator's parameters, plus the tracked offset of the state.",
    "The attacker shifts received loads only, each by at most tau of the state's, total unchanged; unit "
    "outputs, switch statuses and protected flows are as sent.",
)
ASSUMPTIONS: dict[Kind, tuple[str, ...]] = {
    "hidden": (
        *_SHARED,
        "The flows of the state are the received ones; the statement is on the truth behind.",
    ),
    "redispatched": (
        *_SHARED,
        "The dispatch keeps, on the loads it believes, unit limits, line limits and (n-1) post-contingency "
        "limits, or leaves what exceeds them now as it is; which of such dispatches it picks is free.",
        "A lie on which no dispatch keeps them shows the operator an overload, and nothing is said of it.",
    ),
}


class LineImpact(NamedTuple):
    """Worst hidden loading of one line. bound_pu: proven, of its limit; value_pu: the solver's; shift_mw (n,)
    added to received loads; power_mw (u,): the dispatch; direction: +1 or -1 of the true flow."""

    line: int
    bound_pu: float
    value_pu: float
    shift_mw: Floats
    power_mw: Floats
    direction: int


class GridImpact:
    """The programme of one state, attacker and kind. tau: 0 to 1; tolerance_mw: (protected,) or 0.

    Raises BadInput for a tau or tolerance out of range.
    """

    def __init__(
        self, state: GridState, tau: float, kind: Kind = "redispatched", tolerance_mw: Floats | float = 0.0
    ) -> None:
        if not 0.0 <= tau <= 1.0:
            raise BadInput("tau", tau, "0 to 1, a share of each load")
        tolerance = np.broadcast_to(np.asarray(tolerance_mw, dtype=np.float64), state.protected.shape)
        if not (np.isfinite(tolerance).all() and (tolerance >= 0.0).all()):
            raise BadInput("tolerance", tolerance.tolist(), "finite, 0 MW or more")
        self.state, self.kind = state, kind
        n, units = state.load_mw.size, state.power_mw.size if kind == "redispatched" else 0
        capacity = np.where(state.shiftable, tau * np.abs(state.load_mw), 0.0)
        self._n = n
        self._by_unit = state.factors[:, state.unit_bus] if units else np.empty((state.closed.size, 0))
        base_power = np.zeros(state.power_mw.size) if units else state.power_mw
        self._known = state.flows(base_power, state.load_mw)
        total = np.r_[np.ones(n), np.zeros(units)]
        self._meter_row = 1
        self.programme = Programme(
            np.vstack([total, np.hstack([state.factors, np.zeros((state.closed.size, units))])]),
            np.r_[0.0, np.full(state.closed.size, -np.inf)],
            np.r_[0.0, np.full(state.closed.size, np.inf)],
            np.r_[-capacity, state.unit_low_mw[: units or 0]],
            np.r_[capacity, state.unit_high_mw[: units or 0]],
        )
        for line, allowed in zip(state.protected, tolerance, strict=True):
            self.protect(int(line), float(allowed))
        self._pairs: set[tuple[int, int]] = set()
        if units:
            self._add_dispatch()

    def _add_dispatch(self) -> None:
        """Balance and base limits now, post-contingency limits as they are found violated: leaving any out
        only makes the bound larger."""
        state, units = self.state, self.state.power_mw.size
        generated = np.array([state.power_mw.sum()])
        self.programme.add(np.r_[np.zeros(self._n), np.ones(units)][None, :], generated, generated)
        now = state.flow_mw
        limit = np.maximum(state.limit_mw, np.nextafter(np.abs(now), np.inf))
        self.programme.add(self._believed, -limit - self._known, limit - self._known)
        self._shares = state.outage_shares() if np.isfinite(state.emergency_mw).any() else None
        if self._shares is not None:
            after = np.abs(now[:, None] + self._shares * now[None, :])
            self._emergency = np.maximum(state.emergency_mw[:, None], np.nextafter(after, np.inf))

    @property
    def _believed(self) -> Floats:
        """(l, n + u) believed flow over shift and dispatch: a load received higher is an injection lower."""
        return np.hstack([-self.state.factors, self._by_unit])

    def _true(self, line: int) -> Floats:
        """(n + u,) true flow less what is known: for a fixed picture, true = believed + F x."""
        own = np.zeros(self._n) if self.kind == "redispatched" else self.state.factors[line]
        return np.asarray(np.r_[own, self._by_unit[line]])

    def protect(self, line: int, tolerance_mw: float = 0.0) -> None:
        """A protected meter on this line from now on."""
        self.programme.bound_row(self._meter_row + line, -tolerance_mw, tolerance_mw)

    def unprotect(self, line: int) -> None:
        """None any more."""
        self.programme.bound_row(self._meter_row + line, -np.inf, np.inf)

    def direction(self, line: int, sign: int) -> LineImpact:
        """Worst true flow of a line in one direction."""
        objective = sign * self._true(line)
        found = self.programme.highest(objective)
        if self.kind == "redispatched" and self._shares is not None:
            for _ in range(MAX_ROUNDS):
                if not np.isfinite(found.value) or not self._add_violated(found):
                    break
                found = self.programme.highest(objective)
        limit, known = float(self.state.limit_mw[line]), sign * float(self._known[line])
        bound = np.nextafter((found.bound + known) / limit, np.inf)
        bound = bound + 8.0 * np.finfo(float).eps * (abs(found.bound) + abs(known)) / limit
        power = found.point[self._n :] if self.kind == "redispatched" else self.state.power_mw
        value = (found.value + known) / limit
        return LineImpact(line, float(bound), value, found.point[: self._n], power, sign)

    def line(self, line: int) -> LineImpact:
        """Worst of both directions; the bound holds for both."""
        up, down = self.direction(line, 1), self.direction(line, -1)
        return up if up.bound_pu >= down.bound_pu else down

    def every_line(self) -> list[LineImpact]:
        """All lines in service, worst bound first."""
        found = [self.line(int(line)) for line in np.flatnonzero(self.state.live)]
        return sorted(found, key=lambda one: -one.bound_pu)

    def _add_violated(self, found: Optimum) -> bool:
        """Add, per line, the post-contingency limit that this optimum breaks most; True if any."""
        assert self._shares is not None
        state = self.state
        flow = self._believed @ found.point + self._known
        after = np.abs(flow[:, None] + self._shares * flow[None, :])
        outage: Bools = (self._shares != 0.0).any(axis=0)
        excess = np.where(outage[None, :] & state.live[:, None], after - self._emergency, -np.inf)
        worst: Ints = np.argmax(excess, axis=1)
        lines = np.flatnonzero(excess[np.arange(len(worst)), worst] > SCREEN_MARGIN_MW)
        new = [(int(a), int(worst[a])) for a in lines if (int(a), int(worst[a])) not in self._pairs]
        if not new:
            return False
        self._pairs.update(new)
        a, k = np.array(new).T
        share = self._shares[a, k][:, None]
        rows = self._believed[a] + share * self._believed[k]
        known = self._known[a] + share[:, 0] * self._known[k]
        limit = self._emergency[a, k]
        self.programme.add(rows, -limit - known, limit - known)
        return True


def row_tolerances(
    features: GridFeatures, calibration: GridCalibration, closed: Bools, sigmas: float
) -> Floats:
    """(protected,) MW: by how much a shift may move each protected flow's prediction while its plain
    and local rows move by at most ``sigmas`` of their scatter. Shift rows, which would allow less, are left
    out.

    Every row of flow p moves by F_p x: the flow itself stays as sent, what predicts it follows the lie, and
    total load and protected flows, which rows are corrected by, stay as they are. A row that alarms beyond A
    sigma and lies within B without a lie lets pass at most A + B, and one that the topology leaves unread
    anything. Raises BadInput.
    """
    if not (np.isfinite(sigmas) and sigmas >= 0.0):
        raise BadInput("sigma", sigmas, "finite, 0 or more")
    if sigmas == 0.0:
        return np.zeros(features.flows_count)
    makes = 2 if features.shift is None else 1
    own = slice(makes * features.flows_count)
    sigma, read = calibration.under(closed).sigma[own], features.raw_rows(closed)[2][own]
    least = np.where(read, np.nextafter(sigmas * sigma, np.inf), np.inf).reshape(makes, -1).min(axis=0)
    # No shift moves a flow by as much as all ranges together.
    return np.asarray(np.minimum(least, features.index.width.sum()))
