"""What clean windows teach about the rows of the grid member, by topology.

An outage shifts rows as a whole, by nearly the same MW at every load. So rows have a calibration for the
usual topology, one for every outage that training has seen, and one for those it has not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from detectors.dc import Bools, Floats, Ints
from detectors.features import Calibration, fit, fit_ridge

SIGMA_FLOOR_MW = 0.05
LEVEL_FLOOR_MW = 1.0
FOLDS = 10
MIN_WINDOWS = 200
"""Fewer clean windows than this in unusual topologies and they share the usual topology's calibration."""


def topology_key(closed: Bools) -> str:
    """Hex name of a switch state, branch order of the plant model."""
    return np.packbits(closed).tobytes().hex()


@dataclass(frozen=True)
class KnownOutages:
    """Topologies that training has seen: closed (k, branches); shift (k, m), MW by which rows stand off what
    ``GridCalibration.other`` expects; sigma (m,), MW, of the rows when that is taken off."""

    closed: Bools
    shift: Floats
    sigma: Floats


@dataclass(frozen=True)
class GridCalibration:
    """usual: the commonest topology of training; other: all others pooled, for one not seen; known: those
    seen, if any. Regressors: total load, then every protected flow. level: (1 + flows,) of how loaded the
    protected lines are, mean 0 and variance 1 in training, first the constant; None where rows do not ask.
    """

    usual_closed: Bools
    usual: Calibration
    other: Calibration
    known: KnownOutages | None = None
    level: Floats | None = None

    @cached_property
    def _number(self) -> dict[str, int]:
        return {} if self.known is None else {topology_key(c): i for i, c in enumerate(self.known.closed)}

    def under(self, closed: Bools) -> Calibration:
        """Of all rows in one topology."""
        if np.array_equal(closed, self.usual_closed):
            return self.usual
        number = self._number.get(topology_key(closed))
        if self.known is None or number is None:
            return self.other
        coefficients = self.other.coefficients.copy()
        coefficients[:, 0] += self.known.shift[number]
        return Calibration(coefficients, self.known.sigma)


class Clean(NamedTuple):
    """Clean windows to calibrate on. residual: (w, m) MW of uncalibrated rows; present: (w, m) rows that the
    topology allows; flows: (w, p) protected flows; topology, run: (w,) where each comes from,
    topology an index into ``topologies``; usual: (w,)."""

    residual: Floats
    present: Bools
    flows: Floats
    topology: Ints
    run: Ints
    usual: Bools
    topologies: list[Bools]


def by_own_flow(clean: Clean, load: Floats) -> tuple[Calibration, Calibration]:
    """(usual, other), coefficients (m, 3): constant, total load and own flow; row r's own flow is r modulo p.

    load: (w,) total load.
    """
    rows = clean.residual.shape[1]
    total = np.repeat(load[:, None], rows, axis=1)
    own = clean.flows[:, np.arange(rows) % clean.flows.shape[1]]
    rare = ~clean.usual
    floor = np.full(rows, SIGMA_FLOOR_MW)
    first = _fit(clean, [total, own], clean.usual, floor)
    if int(rare.sum()) < MIN_WINDOWS:
        return first, first
    other = _fit(clean, [total, own], rare, first.sigma)
    unseen = _unseen_sigma(clean, [total, own], rare)
    return first, Calibration(other.coefficients, np.maximum(other.sigma, unseen))


def by_all_flows(clean: Clean, same: Bools) -> tuple[Calibration, Calibration, KnownOutages | None]:
    """(usual, other, known), corrected by a constant and every protected flow. Those cannot be moved: a row
    may be corrected by all of them and gets no longer.

    same: (m,) rows that are the same in every topology in which they are read, and so is their calibration.
    """
    usual, rare = clean.usual, ~clean.usual
    floor = np.full(clean.residual.shape[1], SIGMA_FLOOR_MW)
    first = _fit_ridge(clean, usual, floor)
    unseen = _unseen_ridge_sigma(clean, usual, clean.run)
    first = Calibration(first.coefficients, np.maximum(first.sigma, unseen))
    if int(rare.sum()) < MIN_WINDOWS:
        return _with_load(first), _with_load(first), None
    other = _fit_ridge(clean, rare, first.sigma)
    unseen = _unseen_ridge_sigma(clean, rare, clean.topology)
    off = _left(clean, first)[rare]
    seen = _rms(off, clean.present[rare])
    other = Calibration(
        np.where(same[:, None], first.coefficients, other.coefficients),
        np.maximum(other.sigma, np.where(same, np.maximum(first.sigma, seen), unseen)),
    )
    known = known_outages(clean, first, other)
    return _with_load(first), _with_load(other), known


def _with_load(c: Calibration) -> Calibration:
    """With a coefficient of 0 on total load."""
    return Calibration(np.insert(c.coefficients, 1, 0.0, axis=1), c.sigma)


def known_outages(clean: Clean, first: Calibration, other: Calibration) -> KnownOutages | None:
    """By how much rows stand off in every outage; None where no outage was seen in two runs.

    A shift is the mean over runs, drawn towards 0 by what chance does to such a mean (soft threshold: most
    outages move few rows, and those far). sigma: root mean square of windows whose own run had no say.
    """
    left = _left(clean, other)
    spread = _rms(*_run_means(clean, _left(clean, first), clean.usual)[:2])
    names = np.unique(clean.topology[~clean.usual])
    shift = np.zeros((names.size, left.shape[1]))
    off, tried = np.zeros_like(left), np.zeros_like(clean.present)
    for k, name in enumerate(names):
        here = clean.topology == name
        means, present, runs = _run_means(clean, left, here)
        shift[k] = _shift(means, present, spread)
        for number, run in enumerate(runs if len(runs) > 1 else ()):
            others = np.arange(len(runs)) != number
            own = here & (clean.run == run)
            off[own] = left[own] - _shift(means[others], present[others], spread)
            tried[own] = clean.present[own]
    if not tried.any():
        return None
    closed = np.array([clean.topologies[name] for name in names])
    return KnownOutages(closed, shift, np.maximum(_rms(off, tried), first.sigma))


def _run_means(clean: Clean, left: Floats, use: Bools) -> tuple[Floats, Bools, Ints]:
    """(means (runs, m), present (runs, m), runs) of the windows in ``use``."""
    runs = np.unique(clean.run[use])
    means = np.array([left[use & (clean.run == run)].mean(axis=0) for run in runs])
    present = np.array([clean.present[use & (clean.run == run)].all(axis=0) for run in runs])
    return means, present, runs


def _shift(means: Floats, present: Bools, spread: Floats) -> Floats:
    count = np.maximum(present.sum(axis=0), 1)
    mean = (means * present).sum(axis=0) / count
    shrunk: Floats = np.sign(mean) * np.maximum(np.abs(mean) - spread / np.sqrt(count), 0.0)
    return shrunk


def level(flows: Floats) -> Floats:
    """``GridCalibration.level`` of protected flows (w, p): their mean, each in its usual direction."""
    share = np.sign(flows.mean(axis=0)) / flows.shape[1]
    loaded = flows @ share
    scale = max(float(loaded.std()), LEVEL_FLOOR_MW)
    return np.asarray(np.r_[-float(loaded.mean()), share] / scale)


def _fit(clean: Clean, regressors: list[Floats], use: Bools, floor: Floats) -> Calibration:
    return fit(clean.residual[use], [x[use] for x in regressors], clean.present[use], floor)


def _fit_ridge(clean: Clean, use: Bools, floor: Floats) -> Calibration:
    return fit_ridge(clean.residual[use], clean.flows[use], clean.present[use], floor)


def _left(clean: Clean, known: Calibration) -> Floats:
    """Residuals that a calibration leaves, (w, m)."""
    left: Floats = clean.residual - known.coefficients[:, 0] - clean.flows @ known.coefficients[:, 1:].T
    return left


def _rms(values: Floats, present: Bools) -> Floats:
    """Root mean square by row of those present, (m,)."""
    rms: Floats = np.sqrt((values**2 * present).sum(axis=0) / np.maximum(present.sum(axis=0), 1))
    return rms


def _unseen_ridge_sigma(clean: Clean, use: Bools, group: Ints) -> Floats:
    """As ``_unseen_sigma``, of ``fit_ridge``; group: (w,) what is left out together."""
    off, present = np.zeros_like(clean.residual), np.zeros_like(clean.present)
    for out in _folds(group, use):
        off[out] = _left(clean, _fit_ridge(clean, use & ~out, np.zeros(off.shape[1])))[out]
        present[out] = clean.present[out]
    return _rms(off, present)


def _unseen_sigma(clean: Clean, regressors: list[Floats], use: Bools) -> Floats:
    """Root mean square of each row in topologies its calibration has not seen, shape (m,), by
    cross-validation.

    An outage shifts rows as a whole; scatter within known outages would call the next one an attack.
    """
    off, present = np.zeros_like(clean.residual), np.zeros_like(clean.present)
    for out in _folds(clean.topology, use):
        known = _fit(clean, regressors, use & ~out, np.zeros(off.shape[1]))
        expected = sum(known.coefficients[:, i + 1] * x for i, x in enumerate(regressors))
        off[out] = (clean.residual - known.coefficients[:, 0] - expected)[out]
        present[out] = clean.present[out]
    return _rms(off, present)


def _folds(group: Ints, use: Bools) -> list[Bools]:
    """Windows of each part that is left out in turn; none where there is one group only."""
    numbers = np.unique(group[use])
    parts = min(FOLDS, numbers.size)
    fold = np.searchsorted(numbers, group) % max(parts, 1)
    return [use & (fold == part) for part in range(parts)] if parts >= 2 else []
