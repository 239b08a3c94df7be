import msgspec
import numpy as np
import pytest
from scipy.stats import binom

from simulator.control.estimator import FALSE_ALARM_SHARE, Estimator
from simulator.instruments import POWER, VOLTAGE
from tests.reference.state_estimation import active_powers, wls
from tests.simulator.control.closed_loop import Loop

DRAWS = 1500


class World:
    """True values of a running plant in tag order, and the operator's model with exact branch parameters."""

    def __init__(self, network, load_scale=0.9, opened=()):
        loop = Loop(network, load_scale=load_scale)
        loop.run(8.0)
        loop.open(*opened)
        loop.run(8.0)
        plant, case = loop.role.plant, loop.case
        self.true = plant.sampling.true
        self.angle = np.angle(loop.grid._flow.voltage)
        self.magnitude = loop.grid.bus_voltage_pu.copy()
        self.alive = loop.grid.bus_energised.copy()
        self.flow_mw = loop.grid.branch_flow_from_mw.copy()
        self.closed = loop.grid.branch_closed.copy()
        self.operators = loop.model
        branches = tuple(
            msgspec.structs.replace(b, r_pu=float(r), x_pu=float(x))
            for b, r, x in zip(loop.model.branches, case.branch_r, case.branch_x, strict=True)
        )
        self.model = msgspec.structs.replace(loop.model, branches=branches)
        self.tag = {tag.name: i for i, tag in enumerate(self.model.tags)}
        kind = {"MW": POWER, "pu": VOLTAGE}
        accuracy = [kind.get(tag.unit) for tag in self.model.tags]
        self.sigma = np.array(
            [
                0.0 if a is None else a.reading_share * abs(v) + a.absolute
                for a, v in zip(accuracy, self.true, strict=True)
            ]
        )
        loop.close()

    def noisy(self, seed):
        return self.true + self.sigma * np.random.default_rng(seed).normal(size=len(self.true))


@pytest.fixture(scope="module")
def world():
    return World("ieee118")


@pytest.fixture(scope="module")
def small():
    return World("ieee14")


def exact(world):
    return Estimator(world.model, parameter_share=0.0)


def relative(angle):
    return angle - angle[0]


def test_exact_measurements_give_the_exact_state(world):
    found = exact(world).estimate(world.true, world.closed)
    np.testing.assert_allclose(relative(found.angle_rad), relative(world.angle), atol=1e-5)
    np.testing.assert_allclose(found.voltage_pu, world.magnitude, atol=1e-5)
    assert found.objective < 1e-2
    assert not found.suspicious


def test_it_agrees_with_the_dense_oracle(small):
    estimator = exact(small)
    values = small.noisy(5)
    found = estimator.estimate(values, small.closed)
    measured, sigma = estimator._measurements.read(np.append(values, np.nan))
    angle, magnitude, objective = wls(small.model, small.closed, measured, sigma)
    np.testing.assert_allclose(relative(found.angle_rad), angle, atol=1e-7)
    np.testing.assert_allclose(found.voltage_pu, magnitude, atol=1e-7)
    assert found.objective == pytest.approx(objective, rel=1e-6)
    assert found.freedom == np.isfinite(sigma).sum() - (2 * len(angle) - 1)


def test_chi_square_keeps_its_level_on_clean_noise(world):
    """Share of alarms within the central 99.9 % of the binomial at the stated 1 %."""
    estimator = exact(world)
    alarms = sum(estimator.estimate(world.noisy(seed), world.closed).suspicious for seed in range(DRAWS))
    assert (
        binom.ppf(0.0005, DRAWS, FALSE_ALARM_SHARE) <= alarms <= binom.ppf(0.9995, DRAWS, FALSE_ALARM_SHARE)
    )


def test_objective_has_the_mean_of_a_chi_square(world):
    estimator = exact(world)
    found = [estimator.estimate(world.noisy(seed), world.closed) for seed in range(300)]
    mean = np.mean([one.objective for one in found])
    assert mean == pytest.approx(found[0].freedom, abs=4.0 * np.sqrt(2.0 * found[0].freedom / 300) + 4.0)


def test_errors_are_as_large_as_stated(world):
    estimator, n = exact(world), len(world.magnitude)
    ratios = []
    for seed in range(40):
        found = estimator.estimate(world.noisy(1000 + seed), world.closed)
        spread = np.sqrt(estimator._gain.inverse_at_slots()[estimator._net.diagonal])
        ratios.append((found.voltage_pu - world.magnitude) / spread[n:])
    assert np.sqrt(np.mean(np.square(ratios))) == pytest.approx(1.0, abs=0.1)


def test_parameter_errors_raise_no_alarm(world):
    """The operator's own model, off by 1.5 %, with the sigmas widened for it."""
    estimator = Estimator(world.operators)
    alarms = sum(estimator.estimate(world.noisy(seed), world.closed).suspicious for seed in range(200))
    assert alarms <= binom.ppf(0.9995, 200, FALSE_ALARM_SHARE)


def falsified(world, values, estimate, change):
    """values with the attack that shifts the estimated angles by ``change`` (n,): a = h(x + c) - h(x)."""
    base = world.model.base_mva
    before = active_powers(world.model, world.closed, estimate.angle_rad, estimate.voltage_pu)
    after = active_powers(world.model, world.closed, estimate.angle_rad + change, estimate.voltage_pu)
    return spread(world, values, (after - before) * base)


def spread(world, values, attack_mw):
    """Add an attack on flows and injections to the tags behind them; a bus without any must not be needed."""
    values, branches = values.copy(), len(world.model.branches)
    for branch, mw in zip(world.model.branches, attack_mw[:branches], strict=True):
        values[world.tag[branch.flow_tag]] += mw
    units = {unit.bus: unit.power_tag for unit in world.model.units}
    for bus, mw in zip(world.model.buses, attack_mw[branches:], strict=True):
        if abs(mw) < 1e-9:
            continue
        if bus.load_tag:
            values[world.tag[bus.load_tag]] -= mw
        else:
            values[world.tag[units[bus.name]]] += mw
    return values


def shiftable(world):
    """Buses whose own injection and those of all neighbours are measured."""
    index = {bus.name: i for i, bus in enumerate(world.model.buses)}
    units = {unit.bus for unit in world.model.units}
    metered = [bool(bus.load_tag) or bus.name in units for bus in world.model.buses]
    good = list(metered)
    for branch in world.model.branches:
        f, t = index[branch.from_bus], index[branch.to_bus]
        good[f] &= metered[t]
        good[t] &= metered[f]
    return np.flatnonzero(good)


@pytest.mark.parametrize("size_rad", [0.02, 0.1])
def test_a_falsification_in_the_models_null_space_passes(world, size_rad):
    """AC-consistent a = h(x + c) - h(x), and as large as one likes."""
    estimator = exact(world)
    values = world.noisy(3)
    clean = estimator.estimate(values, world.closed)
    change = np.zeros(len(world.magnitude))
    change[shiftable(world)[:12]] = size_rad
    lied = falsified(world, values, clean, change)
    found = estimator.estimate(lied, world.closed)
    assert np.abs(lied - values).max() > 50.0
    assert not found.suspicious
    assert found.bad == ()
    np.testing.assert_allclose(
        relative(found.angle_rad - clean.angle_rad), relative(change), atol=0.2 * size_rad
    )


def test_a_small_linear_falsification_passes(world):
    """a = H c with the estimator's own Jacobian (Liu, Ning, Reiter 2011)."""
    estimator, n = exact(world), len(world.magnitude)
    values = world.noisy(4)
    clean = estimator.estimate(values, world.closed)
    step, change = 1e-6, np.zeros(n)
    change[shiftable(world)[:12]] = 1.0
    at = [
        active_powers(world.model, world.closed, clean.angle_rad + s * change, clean.voltage_pu)
        for s in (step, -step)
    ]
    column = (at[0] - at[1]) / (2.0 * step)
    attack = 0.008 * column * world.model.base_mva
    lied = spread(world, values, attack)
    found = estimator.estimate(lied, world.closed)
    assert np.abs(lied - values).max() > 10.0
    assert not found.suspicious
    assert found.objective == pytest.approx(clean.objective, abs=0.05 * found.freedom)
    reversed_flows = np.r_[-attack[: len(world.model.branches)], attack[len(world.model.branches) :]]
    assert estimator.estimate(spread(world, values, reversed_flows), world.closed).suspicious


@pytest.mark.parametrize("tag", ["S59/load_mw", "S5/line5-6_mw", "S10/G10_mw", "S30/line30-38_mw"])
def test_a_naive_falsification_is_caught_and_identified(world, tag):
    estimator = exact(world)
    metered = [name for name in world.tag if name.endswith(tag.partition("/")[2])]
    slot = world.tag[metered[0]]
    name = world.model.tags[slot].name
    values = world.noisy(11)
    values[slot] += 20.0 * world.sigma[slot]
    found = estimator.estimate(values, world.closed)
    assert found.suspicious
    # Where a unit feeds a long radial line, losses tie power to voltage: voltmeters are suspected before it.
    assert name in " + ".join(found.bad).split(" + ")
    assert found.converged


def test_a_wrong_voltmeter_is_identified(world):
    estimator, values = exact(world), world.noisy(12)
    slot = world.tag["S49/voltage_pu"]
    values[slot] += 0.03
    found = estimator.estimate(values, world.closed)
    assert found.suspicious
    assert found.bad[0] == "S49/voltage_pu"
    assert found.voltage_pu[48] == pytest.approx(world.magnitude[48], abs=0.01)


def test_several_bad_data_are_all_removed(world):
    estimator, values = exact(world), world.noisy(13)
    wrong = ["S59/load_mw", "S11/load_mw", "S90/load_mw"]
    for tag in wrong:
        values[world.tag[tag]] *= 1.4
    found = estimator.estimate(values, world.closed)
    assert set(wrong) <= {tag for name in found.bad for tag in name.split(" + ")}
    again = values.copy()
    for tag in wrong:
        again[world.tag[tag]] = np.nan
    assert not estimator.estimate(again, world.closed).suspicious


def test_a_falsified_switch_status_is_noticed(world):
    closed = world.closed.copy()
    closed[np.argmax(np.abs(world.flow_mw))] = False
    assert Estimator(world.operators).estimate(world.noisy(14), closed).suspicious


def test_unobservable_buses_are_named(world):
    """Nothing measures power at, next to, or on the way to bus 117, which hangs on bus 12."""
    values = world.noisy(15)
    for tag in world.model.tags:
        if tag.station in ("S117", "S12") and tag.unit == "MW":
            values[world.tag[tag.name]] = np.nan
    line = next(b for b in world.model.branches if {b.from_bus, b.to_bus} == {"12", "117"})
    values[world.tag[line.flow_tag]] = np.nan
    found = exact(world).estimate(values, world.closed)
    assert found.unobservable == ("117",)
    assert found.converged
    assert not found.suspicious


def test_lost_voltmeters_and_stations_are_no_alarm(world):
    """A bus without voltmeter is taken at 1 pu within 5 %; a silent station leaves what the others say."""
    estimator, rng = exact(world), np.random.default_rng(8)
    voltmeters = [i for name, i in world.tag.items() if name.endswith("voltage_pu")]
    stations = sorted({tag.station for tag in world.model.tags})
    settled = 0
    for seed in range(20):
        values = world.noisy(seed)
        values[rng.choice(voltmeters, 5, replace=False)] = np.nan
        found = estimator.estimate(values, world.closed)
        assert not found.suspicious
        if found.converged:
            assert np.abs(found.voltage_pu - world.magnitude).max() < 0.08
            settled += 1
        values, silent = world.noisy(seed), set(rng.choice(stations, 5, replace=False))
        for tag in world.model.tags:
            if tag.station in silent:
                values[world.tag[tag.name]] = np.nan
        found = estimator.estimate(values, world.closed)
        assert found.converged
        assert not found.suspicious
    assert settled >= 15


def test_nothing_received_says_nothing(world):
    found = exact(world).estimate(np.full(len(world.true), np.nan), world.closed)
    assert found.freedom <= 0
    assert found.score == 0.0
    assert not found.suspicious


def test_islands_and_dead_buses_are_estimated_apart():
    world = World("ieee39", opened=("16-19", "3-18", "17-18"))
    assert (~world.alive).sum() == 1
    found = Estimator(world.model, parameter_share=0.0).estimate(world.true, world.closed)
    assert not found.suspicious
    assert found.unobservable == ()
    np.testing.assert_allclose(found.voltage_pu, world.magnitude, atol=1e-4)
    index = {bus.name: i for i, bus in enumerate(world.model.buses)}
    inside = [index[name] for name in ("19", "20", "33", "34")]
    for group in (inside, [i for i in range(39) if i not in inside and world.alive[i]]):
        np.testing.assert_allclose(
            found.angle_rad[group] - found.angle_rad[group[0]],
            world.angle[group] - world.angle[group[0]],
            atol=1e-4,
        )
