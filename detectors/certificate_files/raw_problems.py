"""Certificates as verification problems on the raw window, built from plant model and weights alone.

Every received sample is an input of its own, with its own interval; averaging, the feature map and the dense
layers are separate operations of the network that is bounded. Nothing of the run-time judges or of their
kernels is used: what they reduce and compose first is done here by the general methods.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from detectors.bounds import Dense
from detectors.bridge import bridge
from detectors.certificate import Certificate
from detectors.dc import Bools, Floats, Ints
from detectors.features import AffineRows, keep_rows
from detectors.grid_calibration import topology_key
from detectors.members import Members
from detectors.perturbation import Perturbation
from detectors.statements.stations import Group, groups_of
from detectors.verification.network import Network, chain
from detectors.verification.operations import Affine, Operation, Relu
from detectors.water_features import BLOCK
from streams.plant_model import PlantModel

OPEN_TO, CLOSED_FROM = 0.25, 0.75
MOST_LOST = 2


class ScanMean(Affine):
    """Mean over ``scans`` blocks of ``columns`` values each. Every sample is in one mean only, so the image
    of a box of samples is a box, and the interval rule gives it up to rounding."""

    def __init__(self, scans: int, columns: int) -> None:
        super().__init__([np.tile(np.eye(columns) / scans, (1, scans))], np.zeros(columns))


class Case(NamedTuple):
    """One set of raw values on which a certificate's verdict has to stand. key: cases of the same key have
    the same network; low, high, centre: (inputs,)."""

    key: tuple[object, ...]
    network: Network
    low: Floats
    high: Floats
    centre: Floats


class Refuted(Exception):
    """The certificate cannot hold as written; the message says why."""


def layers(dense: Dense) -> list[Operation]:
    """Dense layers with ReLU between them."""
    made: list[Operation] = []
    for weight, bias in zip(dense.weights, dense.biases, strict=True):
        made += [Affine([weight], bias), Relu()]
    return made[:-1]


class RawProblems:
    """Turns certificates into cases. members: of the model, built for the plant."""

    def __init__(self, members: Members, plant: PlantModel) -> None:
        self._members, self._plant = members, plant
        self._networks: dict[tuple[object, ...], Network] = {}

    def cases(self, certificate: Certificate, values: Floats, states: Floats) -> Iterator[Case]:
        """Every case of a certificate's window, its raw values from ``Recording.window``.

        Raises Refuted where the window cannot be certified at all.
        """
        eps = Perturbation(certificate.eps_share, certificate.eps_tags)
        eps.check(self._plant)
        make = self._grid if certificate.domain == "grid" else self._water
        yield from make(certificate, eps, values, states)

    def _grid(
        self, certificate: Certificate, eps: Perturbation, values: Floats, states: Floats
    ) -> Iterator[Case]:
        judge = self._members.grid
        if judge is None:
            raise Refuted("the model has no grid member")
        ix = judge.features.index
        self._check_statuses(certificate, eps, states)
        reach = eps.half_widths(ix.names, ix.low, ix.high, ix.protected)
        read = np.where(states >= CLOSED_FROM, 1.0, np.where(states <= OPEN_TO, 0.0, np.nan))
        lost = np.isnan(read[-1])
        if lost.sum() > MOST_LOST or (certificate.free_stations and lost.any()):
            raise Refuted("too many switch statuses are missing")
        for combination in itertools.product((False, True), repeat=int(lost.sum())):
            closed = read[-1] == 1.0
            closed[lost] = combination
            agree = ((read == closed) | (lost & np.isnan(read))).all(axis=1)
            missing = np.isnan(values)[agree].sum(axis=0) * 2 > agree.sum()
            use = agree & ~np.isnan(values[:, ~missing]).any(axis=1)
            _check_free(certificate, (*_names(ix.names, missing), *_names(ix.status_names, lost)))
            if use.sum() < judge.min_scans:
                raise Refuted("too few complete scans of one topology")
            if certificate.free_stations and (missing.any() or not use.all()):
                raise Refuted("values are missing")
            network, key = self._grid_network(closed, missing, int(use.sum()))
            middle = np.where(missing, (ix.low + ix.high) / 2, values[use])
            low = np.where(missing, ix.low, middle - reach)
            high = np.where(missing, ix.high, middle + reach)
            self._check_plausible(low.mean(axis=0), high.mean(axis=0), ix.low, ix.high)
            shown = topology_key(closed)
            if not lost.any() and certificate.topology != shown:
                raise Refuted(f"the window shows topology {shown}")
            groups = groups_of(self._plant, ix.columns, int(use.sum()))
            limits = np.tile(ix.low, int(use.sum())), np.tile(ix.high, int(use.sum()))
            box = np.nextafter(low, -np.inf).ravel(), np.nextafter(high, np.inf).ravel()
            yield from _freed(certificate, key, network, box, middle.ravel(), limits, groups)

    def _grid_network(self, closed: Bools, missing: Bools, scans: int) -> tuple[Network, tuple[object, ...]]:
        judge = self._members.grid
        assert judge is not None
        key = ("grid", topology_key(closed), np.packbits(missing).tobytes(), scans)
        if key not in self._networks:
            rows = judge.features.rows(closed, judge.calibration)
            kept = _readable(rows, missing, judge.features.index.width, judge.min_rows)
            mean = ScanMean(scans, missing.size)
            parts = [mean, Affine([kept.matrix], kept.offset), *layers(judge.network)]
            self._networks[key] = chain(parts, scans * missing.size)
        return self._networks[key], key

    def _check_statuses(self, certificate: Certificate, eps: Perturbation, states: Floats) -> None:
        """Every status keeps what it shows under its eps."""
        judge = self._members.grid
        assert judge is not None
        ix = judge.features.index
        half = eps.half_widths(ix.status_names, ix.status_low, ix.status_high, ix.status_protected)
        sure = (states - half >= CLOSED_FROM) | (states + half <= OPEN_TO) | np.isnan(states)
        sure |= (states - half > OPEN_TO) & (states + half < CLOSED_FROM)
        if not sure.all():
            raise Refuted("a switch status may change its state within eps")

    def _check_plausible(self, low: Floats, high: Floats, least: Floats, most: Floats) -> None:
        """Values that alarm by themselves, whatever the network says, are not certified."""
        width = most - least
        if not ((low >= least - width) & (high <= most + width)).all():
            raise Refuted("a value far outside its range")

    def _water(
        self, certificate: Certificate, eps: Perturbation, values: Floats, states: Floats
    ) -> Iterator[Case]:
        del states
        judge = self._members.water
        if judge is None:
            raise Refuted("the model has no water member")
        ix = judge.features.index
        missing = np.isnan(values).ravel()
        if certificate.free_stations and missing.any():
            raise Refuted("values are missing")
        _check_free(certificate, _names(ix.names, np.asarray(np.isnan(values).any(axis=0))))
        reach = np.tile(eps.half_widths(ix.names, ix.low, ix.high, ix.protected), ix.samples)
        low, high = np.tile(ix.low, ix.samples), np.tile(ix.high, ix.samples)
        middle = np.where(missing, (low + high) / 2, values.ravel())
        over, left = bridge(ix, judge.rows.matrix, missing)
        readings = [(judge.rows, missing)]
        if not np.array_equal(left, missing):
            readings.insert(0, (AffineRows(over, judge.rows.offset, judge.rows.defined), left))
        box = (
            np.where(missing, low, np.nextafter(middle - reach, -np.inf)),
            np.where(missing, high, np.nextafter(middle + reach, np.inf)),
        )
        newest = slice(-BLOCK * ix.columns.size, None)
        self._check_plausible(box[0][newest], box[1][newest], low[newest], high[newest])
        for number, (rows, gone) in enumerate(readings):
            key = ("water", missing.tobytes(), number)
            if key not in self._networks:
                kept = _readable(rows, gone, high - low, judge.min_rows)
                parts = [Affine([kept.matrix], kept.offset), *layers(judge.network)]
                self._networks[key] = chain(parts, missing.size)
            groups = groups_of(self._plant, ix.columns, ix.samples)
            yield from _freed(certificate, key, self._networks[key], box, middle, (low, high), groups)


def _freed(
    certificate: Certificate,
    key: tuple[object, ...],
    network: Network,
    box: tuple[Floats, Floats],
    centre: Floats,
    limits: tuple[Floats, Floats],
    groups: tuple[Group, ...],
) -> Iterator[Case]:
    """The box itself, and for a k-station certificate one more for every station that may be free."""
    yield Case(key, network, *box, centre)
    if certificate.free_stations == 0:
        return
    if certificate.free_stations > 1:
        raise Refuted("only one free station can be checked")
    for group in groups:
        at: Ints = group.inputs
        low, high = box[0].copy(), box[1].copy()
        outside = centre < limits[0], centre > limits[1]
        low[at] = np.where(outside[0], low, limits[0])[at]
        high[at] = np.where(outside[1], high, limits[1])[at]
        yield Case(key, network, low, high, centre)


def _names(names: tuple[str, ...], chosen: Bools) -> tuple[str, ...]:
    return tuple(name for name, own in zip(names, chosen, strict=True) if own)


def _check_free(certificate: Certificate, missing: tuple[str, ...]) -> None:
    if certificate.free_tags != missing:
        raise Refuted(f"other tags are missing: {', '.join(missing) or 'none'}")


def _readable(rows: AffineRows, missing: Bools, width: Floats, least: float) -> AffineRows:
    kept = rows.masked(keep_rows(rows, missing, width))
    if kept.defined.sum() < max(least * rows.defined.size, 1):
        raise Refuted("too few readable rows")
    return kept
