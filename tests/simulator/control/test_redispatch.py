import numpy as np
import pytest

from simulator.control.dc_model import build_dc_model, bus_index
from simulator.control.received import ReceivedState
from simulator.control.redispatch import BAD_DATA_SHARE_OF_RATING, HISTORY_SCANS, Redispatch


class Field:
    """A linear grid that reports truth, shifted by a lie on loads and on unprotected flows."""

    def __init__(self, model, scale=0.9):
        self.model = model
        self.received = ReceivedState(model)
        self.redispatch = Redispatch(model, self.received)
        self.load = np.array([b.load_mw for b in model.buses]) * scale
        self.power = np.array([150.0, 80.0, 40.0]) * self.load.sum() / 270.0
        self.closed = np.ones(len(model.branches), dtype=bool)
        self.dc = build_dc_model(model, self.closed)

    def flows(self, load, power):
        injection = -load
        index = bus_index(self.model)
        for unit, mw in zip(self.model.units, power, strict=True):
            injection[index[unit.bus]] += mw
        return self.dc.ptdf @ injection

    def report(self, shift=None):
        shift = np.zeros(len(self.load)) if shift is None else shift
        true, lied = self.flows(self.load.copy(), self.power), self.flows(self.load + shift, self.power)
        value = dict(zip((b.load_tag for b in self.model.buses), self.load + shift, strict=True))
        for branch, t, f in zip(self.model.branches, true, lied, strict=True):
            value[branch.flow_tag] = t if branch.flow_tag.startswith("PDC") else f
            value[branch.status_tag] = 1.0
        value |= dict(zip((u.power_tag for u in self.model.units), self.power, strict=True))
        self.received.update(np.array([value.get(tag.name, np.nan) for tag in self.model.tags]))
        self.redispatch.observe()


def test_dispatch_is_secure_for_what_is_believed(model):
    field = Field(model)
    field.report()
    power = field.redispatch.solve(field.power).power_mw
    flow = field.flows(field.load.copy(), power)
    rating = np.array([b.rating_mva for b in model.branches])
    assert (np.abs(flow) <= rating + 1e-6).all()
    assert power.sum() == pytest.approx(field.power.sum())


def test_a_lone_true_meter_is_outvoted_and_the_lie_is_believed(model):
    """The protected flow contradicts the shifted loads; normal dispatch follows the loads all the same."""
    field = Field(model)
    field.report()
    before = field.redispatch._offset.copy()
    honest = field.redispatch.solve(field.power).power_mw
    lie = np.array([0.0, -50.0, 20.0, 20.0, 10.0])
    gap = abs((field.flows(field.load + lie, field.power) - field.flows(field.load.copy(), field.power))[0])
    assert gap > BAD_DATA_SHARE_OF_RATING * model.branches[0].rating_mva
    for _ in range(50):
        field.report(lie)
    np.testing.assert_allclose(field.redispatch._offset, before, atol=1e-6)
    assert np.abs(field.redispatch.solve(field.power).power_mw - honest).max() > 1.0


def test_protected_dispatch_sees_through_the_lie(model):
    field = Field(model)
    for _ in range(10):
        field.report()
    lie = np.array([0.0, -50.0, 20.0, 20.0, 10.0])
    for _ in range(20):
        field.report(lie)
    field.redispatch.enter_safe_mode()
    power = field.redispatch.solve(field.power).power_mw
    guarded = field.flows(field.load.copy(), power)[0]
    assert abs(guarded) <= 0.9 * model.branches[0].rating_mva + 1.0


def test_protected_loads_reproduce_the_protected_flow(model):
    field = Field(model)
    for _ in range(3):
        field.report()
    field.redispatch.enter_safe_mode()
    field.load *= np.array([1.0, 1.2, 1.0, 1.0, 1.0])
    field.power = field.power * field.load.sum() / field.power.sum()
    for _ in range(3):
        field.report()
    loads = field.redispatch._protected_loads()
    estimate = field.flows(loads, field.power)[0]
    assert estimate == pytest.approx(field.flows(field.load.copy(), field.power)[0], abs=1.0)


@pytest.mark.parametrize(
    ("scans", "trusted"), [(1, 0), (50, 0), (HISTORY_SCANS, 0), (HISTORY_SCANS + 20, 20)]
)
def test_the_safe_mode_trusts_loads_from_before_the_history(model, scans, trusted):
    field = Field(model)
    whole = field.load.copy()
    for k in range(scans):
        field.load = whole * (1.0 + 0.001 * k)
        field.report()
    field.redispatch.enter_safe_mode()
    np.testing.assert_array_equal(field.redispatch._trusted, whole * (1.0 + 0.001 * trusted))


def test_a_unit_that_is_off_gets_nothing(model):
    field = Field(model)
    field.report()
    capacity = np.array([0.0, 150.0, 150.0])
    power = field.redispatch.solve(np.array([0.0, 110.0, 110.0]), capacity).power_mw
    assert power[0] == 0.0
    assert power.sum() == pytest.approx(field.power.sum(), abs=1e-6)


def test_a_limited_unit_stays_below_its_limit(model):
    field = Field(model)
    field.report()
    limited = field.redispatch.solve(field.power, np.array([100.0, 150.0, 150.0])).power_mw
    assert limited[0] <= 100.0 + 1e-9
    assert limited.sum() == pytest.approx(field.power.sum(), abs=1e-6)


def test_units_of_other_islands_keep_their_base_points(model):
    field = Field(model)
    field.power = np.array([20.0, 130.0, 120.0])
    field.report()
    status = field.received.slots(b.status_tag for b in model.branches)
    field.received.values[status[[0, 1]]] = 0.0  # lines 1-2 and 1-3
    assert field.redispatch.observe()
    assert not field.redispatch.dc.connected[0]
    assert field.redispatch.dc.connected[1:].all()
    base = field.power.copy()
    power = field.redispatch.solve(base).power_mw
    assert power[0] == base[0]
    assert power[1:].sum() == pytest.approx(base[1:].sum(), abs=1e-6)
