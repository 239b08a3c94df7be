import numpy as np
import pytest

from detectors.dc import GridIndex, islands, shift_factors, weighted_median
from detectors.rows import Combination, local_rows, plain_rows

from .synthetic import plant


@pytest.fixture(scope="module")
def index() -> GridIndex:
    return GridIndex.build(plant())


@pytest.fixture(scope="module")
def local(index: GridIndex) -> Combination:
    return local_rows(index, np.ones(index.start.size, dtype=bool))


def dc_state(index: GridIndex, closed: np.ndarray, seed: int) -> np.ndarray:
    """Column values of a random DC state: any angles; injections split over loads and units."""
    rng = np.random.default_rng(seed)
    angle = rng.standard_normal(index.n_bus)
    flow = np.where(
        closed, index.susceptance_mw * (angle[index.start] - angle[index.end]) + index.shift_mw, 0.0
    )
    net = np.zeros(index.n_bus)
    np.add.at(net, index.start, flow)
    np.add.at(net, index.end, -flow)
    out = np.zeros(index.columns.size)
    out[index.flow_column] = flow
    out[index.bus_of >= 0] = rng.standard_normal(int((index.bus_of >= 0).sum())) * 50
    measured = np.zeros(index.n_bus)
    for bus in range(index.n_bus):
        here = np.flatnonzero(index.bus_of == bus)
        if here.size:
            out[here[0]] += index.sign[here[0]] * (net[bus] - index.sign[here] @ out[here])
        measured[bus] = index.sign[here] @ out[here]
    return out, net - measured


def outages(index: GridIndex) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    whole = np.ones(index.start.size, dtype=bool)
    cases = [whole]
    for count in (1, 2, 5, 40):
        closed = whole.copy()
        closed[rng.choice(closed.size, count, replace=False)] = False
        cases.append(closed)
    return cases


@pytest.mark.parametrize("case", range(5))
def test_rows_vanish_in_every_dc_state(index: GridIndex, local: Combination, case: int) -> None:
    closed = outages(index)[case]
    for kind in (plain_rows(index, closed), local_rows(index, closed, local)):
        matrix, constant = kind.matrix(index), kind.constant(index, closed)
        for seed in range(3):
            state, unmetered = dc_state(index, closed, seed)
            # Buses without load and unit inject nothing in the plant; here their share is added back.
            residual = matrix @ state + (kind.bus @ unmetered) * kind.defined - constant
            assert np.abs(residual).max() < 1e-5 * np.abs(state).max()
        assert not kind.defined[~closed[index.protected_branches]].any()
        assert np.array_equal(matrix[~kind.defined], np.zeros_like(matrix[~kind.defined]))


def test_protected_flow_has_coefficient_one_and_no_other_is_read(
    index: GridIndex, local: Combination
) -> None:
    flows = index.flow_column[index.protected_branches]
    for kind in (plain_rows(index, np.ones(index.start.size, dtype=bool)), local):
        assert np.array_equal(kind.matrix(index)[:, flows], np.eye(flows.size))


def test_local_rows_are_never_wider_than_plain_ones(index: GridIndex, local: Combination) -> None:
    plain = plain_rows(index, np.ones(index.start.size, dtype=bool))
    open_ = ~index.protected
    wide, narrow = (np.abs(k.matrix(index)[:, open_]) @ index.width[open_] for k in (plain, local))
    assert (narrow <= wide * (1 + 1e-9)).all()
    assert narrow.sum() < wide.sum()


def test_islands_and_factors() -> None:
    index = GridIndex.build(plant())
    nothing = np.zeros(index.start.size, dtype=bool)
    assert np.array_equal(islands(index, nothing), np.arange(index.n_bus))
    assert not shift_factors(index, nothing, index.protected_branches).any()
    assert not plain_rows(index, nothing).defined.any()
    assert not local_rows(index, nothing).defined.any()


def test_weighted_median_minimises() -> None:
    rng = np.random.default_rng(1)
    values, weights = rng.standard_normal(15), rng.random(15)
    best = weighted_median(values, weights)
    costs = [weights @ np.abs(values - v) for v in values]
    assert weights @ np.abs(values - best) == pytest.approx(min(costs))
    assert weighted_median(values, np.zeros(15)) == 0.0
