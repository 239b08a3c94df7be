"""Every method stops soon after its time, on a clock that runs by work alone: no test of luck."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.verification import deadline
from detectors.verification.cascade import DEFAULT, cascade
from detectors.verification.chains import search
from detectors.verification.chains.layout import chain_of
from detectors.verification.chains.parts import Rows
from detectors.verification.deadline import Deadline, OutOfTime, blocks
from detectors.verification.falsification import falsify
from detectors.verification.methods import METHODS, BranchAndBound
from detectors.verification.network import chain
from detectors.verification.operations import Affine, Relu
from detectors.verification.sets import Ball, Boxes, Consistent
from tests.detectors.verification import chains

SECONDS_EACH = 1e-7
"""Of one multiplication: a machine as slow as that takes 50 s for what is a step of the deadline."""
WIDTH, LAYERS = 40, 4


class Clock:
    """Runs by what the network's layers are asked to do, and a little each time it is read."""

    def __init__(self):
        self.now = self.longest = 0.0

    def __call__(self):
        self.now += 1e-9
        return self.now

    def work(self, multiplications):
        self.now += multiplications * SECONDS_EACH
        self.longest = max(self.longest, multiplications * SECONDS_EACH)


class Timed(Affine):
    """A dense layer whose products take time."""

    def __init__(self, clock, weight, bias):
        super().__init__([weight], bias)
        self.clock = clock

    def evaluate(self, *inputs):
        self.clock.work(inputs[0][..., 0].size * self.matrices[0].size)
        return super().evaluate(*inputs)

    def bound(self, inputs, arithmetic):
        self.clock.work(3 * inputs[0].low.shape[0] * self.matrices[0].size)
        return super().bound(inputs, arithmetic)

    def error(self, errors, inputs, result, arithmetic):
        self.clock.work(errors[0].shape[0] * self.matrices[0].size)
        return super().error(errors, inputs, result, arithmetic)

    def pull(self, coefficients, inputs, result, slopes):
        self.clock.work(coefficients[..., 0].size * self.matrices[0].size)
        return super().pull(coefficients, inputs, result, slopes)

    def zonotope(self, inputs, boxes, until=deadline.NEVER):
        per_symbol, zonotope = self.matrices[0].size, inputs[0]
        for block in blocks(zonotope.generators.shape[1], per_symbol):
            until.check()
            self.clock.work((block.stop - block.start) * per_symbol)
        return super().zonotope(inputs, boxes, until)


SETS = {
    "box": lambda c: Boxes(c - 0.5, c + 0.5),
    "l2": lambda c: Ball(c, np.ones(len(c)), 2.0),
    "consistent": lambda c: Consistent.balance(
        Boxes(c - 0.5, c + 0.5), np.ones((1, len(c))), np.array([c.sum()]), np.array([0.1])
    ),
}


def slow(clock, kind="box"):
    """A network that no method decides soon, and costs a thousand times more than a step of the deadline."""
    generator = np.random.default_rng(1)
    operations = []
    for width in (WIDTH,) * LAYERS + (1,):
        weight = generator.normal(size=(width, WIDTH if operations else 6))
        operations += [Timed(clock, weight, generator.normal(size=width)), Relu()]
    net = chain(operations[:-1], 6)
    region = SETS[kind](generator.normal(size=6))
    drawn = net(region.draw(500, generator))
    clock.now = clock.longest = 0.0
    return chains.problem(net, region, [(np.eye(1), np.array([2.0 * drawn.min() - drawn.max()]))])


@pytest.fixture
def short_steps(monkeypatch):
    """Ten rows of the largest layer."""
    monkeypatch.setattr(deadline, "STEP", 10.0 * WIDTH**2)
    monkeypatch.setattr("detectors.verification.falsification.STEP", 10.0 * WIDTH**2)


GRAIN_S = 4.0 * 10.0 * WIDTH**2 * SECONDS_EACH
"""A step, with what bounds and their errors take beside it."""
POINTS_S = 2.0 * 64.0 * (LAYERS + 1.0) * WIDTH**2 * SECONDS_EACH
"""What the search for counter-examples takes for the values and the gradients of its 64 points."""


@pytest.mark.parametrize("kind", sorted(SETS))
@pytest.mark.parametrize("name", sorted(name for name, m in METHODS.items() if m.guarantee == "sound"))
def test_a_method_stops_soon_after_its_time(name, kind, short_steps):
    for timeout_s in (1e-6, 0.001, 0.02, 0.05):
        clock = Clock()
        case = slow(clock, kind)
        if name == "branch_and_bound" and kind == "box":
            continue  # Compiled: below.
        found = METHODS[name]().run(case, timeout_s, clock)
        assert found.verdict == "unknown" or clock.now < timeout_s
        assert clock.now <= timeout_s + GRAIN_S * (32 if name == "branch_and_bound" else 1)
        assert found.seconds == pytest.approx(clock.now, abs=1e-6)


def test_without_a_limit_the_same_methods_take_far_longer(short_steps):
    """So that the test above has something to stop."""
    for name in ("crown", "alpha_crown", "zonotope"):
        clock = Clock()
        METHODS[name]().run(slow(clock), np.inf, clock)
        assert clock.now > 0.02 + GRAIN_S


@pytest.mark.parametrize("timeout_s", [0.001, 0.05, 0.5])
def test_the_cascade_keeps_its_budget(timeout_s, short_steps):
    clock = Clock()
    found = cascade(slow(clock), timeout_s, [n for n in DEFAULT if n != "branch_and_bound"], clock)
    assert found.verdict == "unknown"
    assert clock.now <= timeout_s + GRAIN_S + POINTS_S
    assert sum(run["seconds"] for run in found.detail["runs"]) <= clock.now


def test_what_was_found_in_time_is_kept(short_steps):
    """Optimised slopes give back the bound of the plain lines when the clock stops them after these."""
    clock = Clock()
    plain = METHODS["crown"]().run(slow(clock), np.inf, clock)
    spent = clock.now
    clock = Clock()
    found = METHODS["alpha_crown"]().run(slow(clock), spent * 1.05, clock)
    assert found.bound == pytest.approx(plain.bound)
    assert clock.now <= spent * 1.05 + GRAIN_S


def test_a_search_that_runs_out_of_time_finds_nothing(short_steps):
    clock = Clock()
    assert falsify(slow(clock), 0.001, clock=clock) is None
    assert clock.now <= 0.001 + GRAIN_S + POINTS_S


class Steps:
    """A clock that stands still until it is read for the n-th time, and then leaps."""

    def __init__(self, reads):
        self.left = reads

    def __call__(self):
        self.left -= 1
        return 100.0 * max(1 - self.left, 0)


@pytest.mark.parametrize("reads", [3, 5, 6, 7, 8, 12])
def test_the_compiled_search_stops_within_a_part(reads):
    """Whenever the time is over, what is open stays open."""
    generator = np.random.default_rng(7)
    net, region = chains.network(generator, [12, 60, 60, 60, 2]), chains.box(generator, 12, 3.0)
    matrix = np.array([[1.0, -1.0]])
    low = 4.0 * (net(region.draw(2000, generator)) @ matrix.T).min()
    found = BranchAndBound().run(chains.problem(net, region, [(matrix, np.array([low]))]), 1.0, Steps(reads))
    assert found.verdict == "unknown"


def test_a_stopped_kernel_leaves_its_part_on_the_stack():
    """The flag is set before: not one part is closed, though the first would be."""
    net = chains.network(np.random.default_rng(1), [2, 3, 1])
    rows = Rows(np.eye(1), np.array([-100.0]), np.array([0, 1]), np.zeros(1), np.zeros(1))
    lane = search._Lane(chain_of(net), rows)
    parts = search.Parts(
        np.zeros((1, 2)), np.ones((1, 2)), np.zeros(1, dtype=np.int64), np.full(1, -np.inf),
        np.zeros((1, 8), dtype=np.int32),
    )  # fmt: skip
    lane.work.stop[0] = True
    left = lane.search(parts, 8)
    assert len(left.clause) == 1
    assert lane.state[0] == np.inf
    lane.work.stop[0] = False
    assert len(lane.search(left, 8).clause) == 0
    assert lane.state[0] > 0.0


def test_a_deadline_by_hand():
    times = iter([10.0, 11.0, 12.5, 13.0, 13.0, 13.0, 13.0])
    until = Deadline(3.0, lambda: next(times))
    assert until.left_s() == 2.0
    assert not until.over()
    with pytest.raises(OutOfTime):
        until.check()
    assert until.later(1.0).left_s() == 1.0
    assert [(b.start, b.stop) for b in blocks(5, deadline.STEP / 2)] == [(0, 2), (2, 4), (4, 5)]
    assert [(b.start, b.stop) for b in blocks(2, deadline.STEP * 9)] == [(0, 1), (1, 2)]
