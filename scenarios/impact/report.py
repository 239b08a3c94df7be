"""The figures of ``breakwater impact``: proven bounds, what a search finds, and AC truth beside them."""

from __future__ import annotations

import msgspec
import numpy as np

from detectors.certificate_files.canonical import digest_of_values
from detectors.dc import Floats
from detectors.features import Calibration
from detectors.members import build_all, grid_parts, water_arrays
from detectors.model import Model
from detectors.statements import tank_impact
from detectors.statements.grid_impact import ASSUMPTIONS, KINDS, GridImpact, Kind, LineImpact, row_tolerances
from detectors.statements.placement import place
from detectors.statements.tank_impact import harm, silent_lie
from detectors.water_features import WaterIndex
from scenarios.impact.instant import Instant
from scenarios.impact.search import Found, search
from streams.errors import BadInput

LISTED = 10
SIGMAS = 4.0
"""A balance row alarms beyond this many sigma, and lies within as many without a lie."""

HORIZON_S = 31 * 86_400.0
SHOWN_S = (3_600.0, 21_600.0, 86_400.0)


class LineBound(msgspec.Struct, frozen=True):
    """bound: proven upper bound of the true loading in the linear model, per unit of rating; attained: the
    solver's optimum; ac_loading: of this line at that worst case in AC power flow, None where it has none."""

    line: str
    bound: float
    attained: float
    ac_loading: float | None


class GridStatement(msgspec.Struct, frozen=True):
    """worst: line of the largest bound; ac_worst: of the largest AC loading; honest_bound: worst with tau
    0; without_power_flow: lines whose worst case has no AC power flow."""

    kind: Kind
    worst: LineBound
    ac_worst: LineBound | None
    honest_bound: float
    without_power_flow: int
    lines: tuple[LineBound, ...]
    assumptions: tuple[str, ...]


class FoundLoading(msgspec.Struct, frozen=True):
    """The worst that the search found with the operator's own dispatch, of so many lies."""

    line: str
    loading: float
    ac_loading: float | None
    lies: int


class PlacedMeter(msgspec.Struct, frozen=True):
    """meter: None for the plant as it is; bound: worst of any line with it and all before; line: where."""

    meter: str | None
    bound: float
    line: str


class TankStatement(msgspec.Struct, frozen=True):
    """lie_m: seconds -> largest silent lie; harm: of the drain at net_outflow_m3_h, None where no pump acts
    on this tank."""

    tank: str
    level_m: float
    unsafe_m: float
    act_below_m: float | None
    net_outflow_m3_h: float
    lie_m: dict[str, float]
    harm: tank_impact.TankHarm | None
    assumptions: tuple[str, ...]


class ImpactReport(msgspec.Struct, frozen=True):
    """found: over the lies that the operator's dispatch answers within its limits; found_shown: over those on
    which it cannot and sees a believed overload, of which no proof speaks; None where there are none.
    at_floor: whether no further meter can lower the worst bound, None where none was to be placed."""

    scenario: str
    tau: float
    sigmas: float
    protected: tuple[str, ...]
    grid: tuple[GridStatement, ...]
    found: FoundLoading | None
    found_shown: FoundLoading | None
    placement: tuple[PlacedMeter, ...]
    at_floor: bool | None
    water: tuple[TankStatement, ...]
    plant_model_sha256: str
    telemetry_sha256: str


def impact_report(
    name: str,
    instant: Instant,
    tau: float,
    place_count: int,
    model: Model | None,
    sigmas: float = 0.0,
    outflow_m3_h: float | None = None,
) -> ImpactReport:
    """All figures. model: whose calibration tells what is silent; without one, no word on tanks. sigmas: by
    how much of its scatter a shift may move a row of the grid; 0: not at all. outflow_m3_h: net, of every
    tank; None: the largest that its meter's range shows. Raises BadInput for sigmas above 0 without a model
    that reads the grid."""
    state, tolerance = instant.state, _tolerance(instant, model, sigmas)
    tried = search(instant.model, state, tau)
    placed = place(state, tau, place_count) if place_count else None
    steps = placed.steps if placed is not None else ()
    return ImpactReport(
        scenario=name,
        tau=tau,
        sigmas=sigmas,
        protected=tuple(state.names[i] for i in state.protected),
        grid=tuple(_statement(instant, tau, kind, tolerance) for kind in KINDS),
        found=_found(instant, tried.within, tried.tried - tried.count_shown),
        found_shown=_found(instant, tried.shown, tried.count_shown),
        placement=tuple(
            PlacedMeter(state.names[s.meter] if s.meter >= 0 else None, s.bound_pu, state.names[s.line])
            for s in steps
        ),
        at_floor=None if placed is None else placed.at_floor,
        water=() if model is None else _tanks(instant, model, outflow_m3_h),
        plant_model_sha256=instant.model.digest(),
        telemetry_sha256=digest_of_values(instant.telemetry),
    )


def _statement(instant: Instant, tau: float, kind: Kind, tolerance: Floats) -> GridStatement:
    found = GridImpact(instant.state, tau, kind, tolerance).every_line()
    every = tuple(_bound(instant, one, kind) for one in found)
    solved = [(one.ac_loading, one) for one in every if one.ac_loading is not None]
    return GridStatement(
        kind=kind,
        worst=every[0],
        ac_worst=max(solved, key=lambda pair: pair[0])[1] if solved else None,
        honest_bound=GridImpact(instant.state, 0.0, kind).every_line()[0].bound_pu,
        without_power_flow=len(every) - len(solved),
        lines=every[:LISTED],
        assumptions=ASSUMPTIONS[kind],
    )


def _bound(instant: Instant, one: LineImpact, kind: Kind) -> LineBound:
    """A picture that stays as it is hides other loads; a new dispatch meets the loads that truly are."""
    change = -one.shift_mw * _unscaled(instant) if kind == "hidden" else None
    ac = instant.ac_loading(one.power_mw, change)
    name = instant.state.names[one.line]
    return LineBound(name, one.bound_pu, one.value_pu, None if ac is None else float(ac[one.line]))


def _tolerance(instant: Instant, model: Model | None, sigmas: float) -> Floats:
    if sigmas == 0.0:
        return np.zeros(instant.state.protected.size)
    if model is None or "grid" not in model.spec.members:
        raise BadInput("--sigma", sigmas, "0 without a model of this grid, whose rows have a scatter")
    features, calibration = grid_parts(model, instant.model)
    # Rows read loads as received, the state has losses spread over them.
    received = row_tolerances(features, calibration, instant.state.closed, sigmas)
    return np.asarray(received / _unscaled(instant))


def _unscaled(instant: Instant) -> float:
    """True load per load of the state, in which losses are spread over the loads."""
    return float(instant.load_mw.sum() / instant.state.load_mw.sum())


def _found(instant: Instant, found: Found | None, lies: int) -> FoundLoading | None:
    if found is None:
        return None
    ac = instant.ac_loading(found.power_mw)
    name = instant.state.names[found.line]
    return FoundLoading(name, found.loading_pu, None if ac is None else float(ac[found.line]), lies)


def _tanks(instant: Instant, model: Model, outflow_m3_h: float | None) -> tuple[TankStatement, ...]:
    members = build_all(model, instant.model)
    if members.water is None:
        return ()
    index, plant = members.water.features.index, instant.model
    stored = model.arrays
    names = list(water_arrays(Calibration(np.empty(0), np.empty(0))))
    calibration = Calibration(*(np.asarray(stored[name]) for name in names))
    at = {tag.name: i for i, tag in enumerate(plant.tags)}
    return tuple(
        _tank(instant, index, calibration, number, at, outflow_m3_h) for number, _ in enumerate(index.tanks)
    )


def _tank(
    instant: Instant,
    index: WaterIndex,
    calibration: Calibration,
    number: int,
    at: dict[str, int],
    given: float | None,
) -> TankStatement:
    tank = next(t for t in instant.model.tanks if t.name == index.tanks[number])
    lie = silent_lie(
        index.lags,
        tank_impact.row_tolerances(index, calibration, number, SIGMAS, SIGMAS),
        int(HORIZON_S / index.period_s),
    )
    level = float(instant.telemetry[at[tank.level_tag]])
    outflow = -instant.model.tags[at[tank.inflow_tag]].low if given is None else given
    # The pump that starts last keeps the tank from running dry; hiding less than that does no harm.
    starts = [p.on_level_m for p in instant.model.pumps if p.tank == tank.name]
    act = min((x for x in starts if x > tank.level_min_m), default=None)
    drains = act is not None and outflow > 0.0 and level > tank.level_min_m
    return TankStatement(
        tank=tank.name,
        level_m=level,
        unsafe_m=tank.level_min_m,
        act_below_m=act,
        net_outflow_m3_h=outflow,
        lie_m={f"{s:g}": float(lie[int(s / index.period_s)]) for s in SHOWN_S},
        harm=harm(lie, index.period_s, tank.area_m2, level, tank.level_min_m, act, outflow)
        if drains and act is not None
        else None,
        assumptions=tank_impact.ASSUMPTIONS,
    )
