"""What clean windows teach by topology: shifts of outages, scatter of windows left out, level of loading."""

import numpy as np
import pytest

from detectors.features import Calibration
from detectors.grid_calibration import (
    Clean,
    GridCalibration,
    KnownOutages,
    by_all_flows,
    known_outages,
    level,
)

WINDOWS = 40
"""Of each run."""


def made(shifts: dict[int, list[float]], spread: float = 0.0, seed: int = 0) -> Clean:
    """Windows of two rows and three flows: 40 usual runs, then one for each entry of ``shifts``, by topology.
    Row 0 stands off by that much, row 1 never; rows scatter by 0.1 MW, run means by ``spread``."""
    draw = np.random.default_rng(seed)
    plan = [(0, 0.0)] * 40 + [(name, off) for name, runs in shifts.items() for off in runs]
    residual, topology, run = [], [], []
    for number, (name, off) in enumerate(plan):
        rows = 0.1 * draw.standard_normal((WINDOWS, 2)) + spread * draw.standard_normal(2)
        rows[:, 0] += off
        residual.append(rows)
        topology += [name] * WINDOWS
        run += [number] * WINDOWS
    where, windows = np.array(topology), np.concatenate(residual)
    topologies = [np.arange(4) != name - 1 for name in range(5)]
    flows = 100.0 + draw.standard_normal((len(windows), 3))
    present = np.ones(windows.shape, dtype=bool)
    return Clean(windows, present, flows, where, np.array(run), where == 0, topologies)


def flat(sigma: float = 1.0) -> Calibration:
    return Calibration(np.zeros((2, 4)), np.full(2, sigma))


def test_an_outage_seen_twice_is_known_and_its_scatter_is_of_runs_left_out() -> None:
    found = known_outages(made({1: [3.0, 3.2], 2: [0.0, 0.0]}), flat(0.05), flat())
    assert found is not None
    assert found.closed.tolist() == [[False, True, True, True], [True, False, True, True]]
    assert found.shift[0, 0] == pytest.approx(3.1, abs=0.05)
    # What chance alone explains is not taken off.
    assert np.abs(found.shift[1]).max() < 0.03
    assert found.shift[0, 1] == pytest.approx(0.0, abs=0.03)
    # A run of 3.0 left out is expected at 3.2 and stands off by 0.2, the quiet outage by nothing.
    assert found.sigma[0] == pytest.approx(np.sqrt(0.1**2 + 0.5 * 0.2**2), rel=0.1)
    assert found.sigma[1] == pytest.approx(0.1, rel=0.1)


def test_a_shift_is_drawn_towards_nothing_by_what_chance_does() -> None:
    clean = made({1: [3.0], 2: [0.0, 0.0]}, spread=0.5)
    found = known_outages(clean, flat(), flat())
    assert found is not None
    usual = np.array([clean.residual[clean.run == r, 0].mean() for r in range(40)])
    own = clean.residual[clean.topology == 1, 0].mean()
    assert found.shift[0, 0] == pytest.approx(own - np.sqrt(np.mean(usual**2)), rel=1e-9)


def test_outages_seen_in_one_run_each_leave_no_scatter_to_measure() -> None:
    assert known_outages(made({1: [3.0], 2: [0.0]}), flat(), flat()) is None


def test_every_topology_has_its_calibration() -> None:
    clean = made({1: [3.0, 3.0], 2: [0.0, 0.0], 3: [0.0, 0.0]})
    usual, other, known = by_all_flows(clean, np.array([False, True]))
    calibration = GridCalibration(clean.topologies[0], usual, other, known)
    assert calibration.under(clean.topologies[0]) is usual
    assert calibration.under(clean.topologies[4]) is other
    there = calibration.under(clean.topologies[1])
    expected = there.coefficients[0, 0] + clean.flows[:, :] @ there.coefficients[0, 2:]
    off = (clean.residual[:, 0] - expected)[clean.topology == 1]
    assert np.abs(off.mean()) < 0.1 < other.sigma[0]
    # A topology not seen is expected to scatter like those that were left out.
    assert other.sigma[0] > 1.0
    assert there.sigma[0] < 0.3
    # Row 1 is the same everywhere.
    assert np.array_equal(there.coefficients[1, 1:], usual.coefficients[1, 1:])
    # Total load takes no part.
    assert not usual.coefficients[:, 1].any()


def test_without_known_outages_all_others_are_alike() -> None:
    calibration = GridCalibration(np.ones(3, dtype=bool), flat(1.0), flat(2.0))
    assert calibration.under(np.array([True, False, True])).sigma.tolist() == [2.0, 2.0]
    known = KnownOutages(np.array([[True, False, True]]), np.array([[0.5, 0.0]]), np.ones(2))
    calibration = GridCalibration(np.ones(3, dtype=bool), flat(1.0), flat(2.0), known)
    assert calibration.under(np.array([True, False, True])).coefficients[:, 0].tolist() == [0.5, 0.0]
    assert calibration.other.coefficients[:, 0].tolist() == [0.0, 0.0]


def test_level_is_the_mean_flow_in_its_usual_direction_standardised() -> None:
    flows = np.array([[10.0, -20.0], [30.0, -40.0], [50.0, -60.0]])
    found = level(flows)
    values = found[0] + flows @ found[1:]
    assert values.mean() == pytest.approx(0.0)
    assert values.std() == pytest.approx(1.0)
    assert values[0] < values[1] < values[2]
    # Flows that never move give no level to speak of.
    assert np.abs(level(np.full((5, 2), 7.0))).max() < 10.0
