"""State estimation: weighted least squares on received measurements, with bad-data detection.

AC network, active power and voltage magnitudes only: angles follow from powers, magnitudes from voltmeters
and, weakly, from powers; reactive power is not estimated. Chi-square test on the weighted residuals, then the
measurement with the largest normalised residual is removed and the state estimated anew, until the test
passes (Handschin, Schweppe, Kohlas, Fiechter 1975; Abur, Exposito 2004, chapter 5).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from simulator.control.estimator_kernels import (
    Rows,
    damp_swings,
    estimate_variance,
    linearise,
    normal_equations,
)
from simulator.control.estimator_network import build_network
from simulator.control.measurements import Measurements
from simulator.grid.network_kernels import connected_parts
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]

FALSE_ALARM_SHARE = 0.01
PARAMETER_SHARE = 0.015
LARGEST_NORMALISED = 3.0
MAX_REMOVED = 20
MAX_ITERATIONS = 10
MAX_DAMPED = 30
TOLERANCE = 1e-6
SLACK_SIGMAS = 0.1
"""What is still open after the last iteration may move an estimate by so many of its sigmas."""

PIN = 1e4
DEAD_PU = 0.3
ASSUMED_PU, ASSUMED_SIGMA_PU = 1.0, 0.05
CRITICAL_SHARE = 1e-6


class Estimate(NamedTuple):
    """angle_rad, voltage_pu (n,): 0 where dead or not observable. objective: weighted sum of squared
    residuals over all measurements; threshold: its chi-square limit at ``freedom`` degrees; bad: names of
    measurements removed, in order; unobservable: names of buses; converged: whether the iterations came to an
    end.
    """

    angle_rad: Floats
    voltage_pu: Floats
    objective: float
    threshold: float
    freedom: int
    bad: tuple[str, ...]
    unobservable: tuple[str, ...]
    converged: bool

    @property
    def suspicious(self) -> bool:
        """Whether the chi-square test fails; what passes it anywhere passes it at the minimum too."""
        return self.freedom > 0 and not self.objective <= self.threshold

    @property
    def score(self) -> float:
        """Objective over its limit, less 1: positive where the test fails; 0 where nothing can be tested."""
        return self.objective / self.threshold - 1.0 if self.freedom > 0 else 0.0


class Estimator:
    """Estimates from the values of one report; starts from the estimate before.

    parameter_share: see ``Measurements``.
    """

    def __init__(self, model: PlantModel, parameter_share: float = PARAMETER_SHARE) -> None:
        self._buses = [bus.name for bus in model.buses]
        self._measurements = Measurements(model, parameter_share)
        self._net, self._gain = build_network(model)
        self._n, self._l = len(model.buses), len(model.branches)
        self._rows = Rows(
            np.zeros((self._l, 4)), np.zeros(len(self._net.row_state)), np.zeros(self._l + 2 * self._n)
        )
        self._right, self._pin = np.zeros(2 * self._n), np.zeros(2 * self._n)
        self._flat = np.r_[np.zeros(self._n), np.ones(self._n)]
        self._state = self._flat.copy()
        self._limits: dict[int, float] = {}

    def estimate(self, values: Floats, closed: Flags) -> Estimate:
        """values: received, in tag order, NaN missing; closed (n_branch,): believed switch status."""
        measured, sigma = self._measurements.read(np.append(values, np.nan))
        weight = np.where(np.isinf(sigma), 0.0, sigma**-2.0)
        live = self._pin_down(closed, measured, weight)
        weight[: self._l][~(closed & live[self._net.start])] = 0.0
        weight[self._l : self._l + self._n][~live] = 0.0
        weight[self._l + self._n :][~live] = 0.0
        self._assume_voltage(measured, sigma, weight, live)
        converged = self._iterate(closed, measured, weight)
        unknown = self._gain.fixed
        objective = self._objective(measured, weight)
        freedom = int((weight > 0.0).sum()) - self._unknowns(live) + int(unknown.sum())
        threshold = self._limit(freedom)
        bad: list[str] = []
        while converged and freedom > len(bad) and len(bad) < MAX_REMOVED:
            if self._objective(measured, weight) <= self._limit(freedom - len(bad)):
                break
            worst = self._largest_residual(measured, sigma, weight)
            if worst < 0:
                break
            weight[worst] = 0.0
            self._assume_voltage(measured, sigma, weight, live)
            bad.append(self._measurements.names[worst])
            converged = self._iterate(closed, measured, weight)
        known = live & ~unknown[: self._n] & ~unknown[self._n :]
        if not converged:
            self._state = self._flat.copy()
        return Estimate(
            np.where(known, self._state[: self._n], 0.0),
            np.where(known, self._state[self._n :], 0.0),
            objective,
            threshold,
            freedom,
            tuple(bad),
            tuple(name for name, lost in zip(self._buses, live & ~known, strict=True) if lost),
            converged,
        )

    def _pin_down(self, closed: Flags, measured: Floats, weight: Floats) -> Flags:
        """Hold an angle of every island and all of the dead ones; returns the live buses (n,).

        An island is dead where no voltmeter of it reads more than DEAD_PU.
        """
        n, net = self._n, self._net
        label = connected_parts(n, net.start, net.end, closed)
        reading = np.where(weight[self._l + n :] > 0.0, measured[self._l + n :], 0.0)
        highest = np.zeros(n)
        np.maximum.at(highest, label, reading)
        live = np.asarray(highest[label] > DEAD_PU)
        self._pin[:] = 0.0
        self._pin[:n][(label == np.arange(n)) | ~live] = PIN
        self._pin[n:][~live] = PIN
        self._islands = int(np.count_nonzero((label == np.arange(n)) & live))
        return live

    def _assume_voltage(self, measured: Floats, sigma: Floats, weight: Floats, live: Flags) -> None:
        """Where a live bus has no voltmeter to go by, take it at ASSUMED_PU: power alone says too little."""
        first = self._l + self._n
        blind = live & (weight[first:] == 0.0)
        measured[first:][blind], sigma[first:][blind] = ASSUMED_PU, ASSUMED_SIGMA_PU
        weight[first:][blind] = ASSUMED_SIGMA_PU**-2.0

    def _unknowns(self, live: Flags) -> int:
        return 2 * int(live.sum()) - self._islands

    def _iterate(self, closed: Flags, measured: Floats, weight: Floats) -> bool:
        """Gauss-Newton from the last state, then damped from a flat one; whether it came to an end."""
        for start, damped in ((self._state, False), (self._flat, True)):
            state, last, relax = start.copy(), np.zeros(2 * self._n), np.ones(2 * self._n)
            for _ in range(MAX_DAMPED if damped else MAX_ITERATIONS):
                linearise(self._net, closed, state, self._rows)
                normal_equations(
                    self._net, self._rows, measured, weight, self._pin, self._gain.values, self._right
                )
                self._gain.factorise()
                step = self._gain.solve(self._right)
                if not np.isfinite(step).all():
                    break
                # step^T G step: the square of how many sigmas the estimate still moves.
                moves = float(step @ self._right)
                if np.abs(step).max() < TOLERANCE:
                    return self._accept(closed, state + step)
                if damped:
                    damp_swings(step, last, relax)
                state += relax * step
                last = step
            else:
                if moves < SLACK_SIGMAS**2:
                    return self._accept(closed, state)
        return False

    def _accept(self, closed: Flags, state: Floats) -> bool:
        self._state = state
        linearise(self._net, closed, state, self._rows)
        return True

    def _objective(self, measured: Floats, weight: Floats) -> float:
        residual = measured - self._rows.expected
        return float((weight * residual * residual).sum())

    def _largest_residual(self, measured: Floats, sigma: Floats, weight: Floats) -> int:
        """Position of the measurement with the largest normalised residual, -1 where none stands out.

        A critical measurement has no residual to judge by.
        """
        used = weight > 0.0
        variance = sigma[used] ** 2
        spread = variance - estimate_variance(self._net, self._rows, self._gain.inverse_at_slots())[used]
        residual = np.abs(measured - self._rows.expected)[used]
        testable = spread > CRITICAL_SHARE * variance
        normalised = np.where(testable, residual / np.sqrt(np.where(testable, spread, 1.0)), 0.0)
        worst = int(np.argmax(normalised))
        return int(np.flatnonzero(used)[worst]) if normalised[worst] > LARGEST_NORMALISED else -1

    def _limit(self, freedom: int) -> float:
        if freedom not in self._limits:
            self._limits[freedom] = float(chdtri(freedom, FALSE_ALARM_SHARE)) if freedom > 0 else np.inf
        return self._limits[freedom]
