"""k-station statement: the tags of any one station take any value in their published range, the rest move by
eps.

A received value outside its range widens the range up to itself and its eps. The set is a union of boxes, one
per station and the plain one without a free station; the verdict stands if it stands on each. Through the
network every box is bounded by the kernels of the deployed detector (``StationBounds``, k = 1). For linear
rows, the residual test "some row beyond its threshold", ``row_wise`` says the same of any k, without a
network: a row loses to a free station what that station's tags can take from it over their range, and to k
stations at most the k largest of these.

Switch statuses are not freed: a station that reports another switch state shows another topology, one that
reports a new state each scan leaves no scans to judge; neither is a change of this window's values. The
heartbeat and the judge's "too few scans" answer for those.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from detectors.bounds import Bounder, Dense
from detectors.bounds.bounder import Range
from detectors.dc import Bools, Floats, Ints
from detectors.features import AffineRows
from detectors.judgement import Judgement, settle
from detectors.verification.rounding import SPARE, UNIT
from streams.errors import BadInput
from streams.plant_model import PlantModel

ASSUMPTIONS = (
    "Values over protected links are as sent; they are not perturbed.",
    "The tags of any one station take any value in their published range (widened up to what was received "
    "where that lies outside), each sample by itself; every other received value differs by at most its eps "
    "from the one judged.",
    "Switch statuses differ by at most their eps, those of the free station too: other statuses are another "
    "topology.",
    "No sample is missing.",
)
STATEMENTS: dict[str, str] = {
    "certified_alarm": "k-station: no values of the tags of any one station make this alarm go away",
    "certified_normal": "k-station: no values of the tags of any one station make this window alarm",
    "uncertain": "none: some station could turn the verdict, or the window cannot be judged",
}


class Group(NamedTuple):
    """A station and the inputs (positions) that carry its unprotected tags."""

    station: str
    inputs: Ints


def groups_of(plant: PlantModel, columns: Ints, repeats: int = 1) -> tuple[Group, ...]:
    """Stations behind the columns (plant-model tag positions) of a member, in order of their first tag.

    repeats: how often the columns come one after another in the input (samples of a raw window).
    """
    found: dict[str, list[int]] = {}
    for position, column in enumerate(columns.tolist()):
        tag = plant.tags[column]
        if not tag.protected:
            found.setdefault(tag.station, []).append(position)
    steps = np.arange(repeats) * columns.size
    return tuple(
        Group(station, (steps[:, None] + np.array(at)).ravel().astype(np.int64))
        for station, at in found.items()
    )


class StationBounds:
    """Bounds of the logit of one network behind one feature map, one per free station.

    reach: (n,) eps; low, high: (n,) published ranges of the inputs; raw_terms: as in ``Bounder``.
    """

    def __init__(
        self,
        network: Dense,
        rows: AffineRows,
        reach: Floats,
        low: Floats,
        high: Floats,
        groups: Sequence[Group],
        raw_terms: int,
    ) -> None:
        self.groups, self.low, self.high, self._reach = tuple(groups), low, high, reach
        self._network, self._rows, self._terms = network, rows, raw_terms
        self._plain = Bounder(network, rows.matrix, rows.offset, reach, raw_terms)
        self._usual = [self._freed(group, low, high) for group in groups]

    def judge(
        self, window: Floats, centre: Floats, size: Floats, topology: str = ""
    ) -> tuple[Judgement, tuple[str, ...]]:
        """The joint judgement of a window, and the stations that could turn its verdict (all of them where it
        is uncertain without any).

        window: (scans, n) raw values; centre, size: (n,) their means and mean magnitudes.
        """
        score = self._plain.logit(centre)
        ranges = [_bound(self._plain, centre, size, score)]
        low, high = widened(self.low, self.high, self._reach, window)
        for group, usual in zip(self.groups, self._usual, strict=True):
            at = group.inputs
            fits = (low[at] == self.low[at]).all() and (high[at] == self.high[at]).all()
            bounder = usual if fits else self._freed(group, low, high)
            own, own_size = centre.copy(), size.copy()
            own[at] = 0.5 * low[at] + 0.5 * high[at]
            own_size[at] = np.maximum(np.abs(low[at]), np.abs(high[at]))
            ranges.append(_bound(bounder, own, own_size, score))
        whole = Range(min(r.low for r in ranges), max(r.high for r in ranges))
        plain = settle(ranges[0], score, "", "", ()).value
        broken = [
            group.station
            for group, found in zip(self.groups, ranges[1:], strict=True)
            if plain == "uncertain" or settle(found, score, "", "", ()).value != plain
        ]
        return settle(whole, score, "linear, per station", topology, ()), tuple(broken)

    def _freed(self, group: Group, low: Floats, high: Floats) -> Bounder:
        """Bounds with one group anywhere between low and high, (n,)."""
        at = group.inputs
        middle, wide = 0.5 * low[at] + 0.5 * high[at], self._reach.copy()
        wide[at] = np.nextafter(np.maximum(high[at] - middle, middle - low[at]), np.inf)
        return Bounder(self._network, self._rows.matrix, self._rows.offset, wide, self._terms)


def widened(low: Floats, high: Floats, reach: Floats, window: Floats) -> tuple[Floats, Floats]:
    """Ranges (n,) that hold every received value, (scans, n), with its eps where that lies outside."""
    least, most = window.min(axis=0), window.max(axis=0)
    return (
        np.where(least < low, np.nextafter(least - reach, -np.inf), low),
        np.where(most > high, np.nextafter(most + reach, np.inf), high),
    )


def _bound(bounder: Bounder, centre: Floats, size: Floats, score: float) -> Range:
    """The interval bound, and the linear one where that does not settle the sign of the score."""
    found = bounder.interval(centre, size)
    if (score > 0.0 and found.low > 0.0) or (score <= 0.0 and found.high <= 0.0):
        return found
    return bounder.linear(centre, size)


def row_wise(
    rows: AffineRows,
    centre: Floats,
    reach: Floats,
    low: Floats,
    high: Floats,
    groups: Sequence[Group],
    threshold: float,
    k: int = 1,
) -> bool:
    """Whether some |row| stays beyond ``threshold`` (in sigma) whatever any k stations report.

    centre, reach: (n,) window means and eps; low, high: (n,). For k = 1 each station may leave another row;
    for more, one row must hold against its own k worst stations, which is sufficient. Raises BadInput for k
    below 1.
    """
    if k < 1:
        raise BadInput("k", k, "1 or more stations")
    size = np.abs(rows.matrix)
    largest = np.maximum(np.maximum(np.abs(low), np.abs(high)), np.abs(centre) + reach)
    theta = 16.0 * (2.0 * centre.size + len(groups) + 16.0) * UNIT
    error = theta * (size @ (3.0 * largest) + np.abs(rows.offset)) * SPARE
    value = rows.matrix @ centre + rows.offset
    spread = size @ reach
    best: Bools | None = None
    for sign in (1.0, -1.0):
        loss = _losses(sign * rows.matrix, centre, reach, low, high, groups)
        base = sign * value - spread - error
        if k > 1:
            worst = np.sort(loss, axis=1)[:, ::-1][:, :k].sum(axis=1)
            held = np.repeat(((base - worst) > threshold).any(), 1)
        else:
            held = np.asarray(((base[:, None] - loss) > threshold).any(axis=0))
        best = held if best is None else best | held
    assert best is not None
    return bool(best.all())


def _losses(
    signed: Floats, centre: Floats, reach: Floats, low: Floats, high: Floats, groups: Sequence[Group]
) -> Floats:
    """(rows, groups): by how much freeing a station lowers a row below what eps alone does; 0 or more."""
    with_eps = signed * centre - np.abs(signed) * reach
    freed = np.minimum(signed * low, signed * high)
    lost = with_eps - freed
    by_group = np.column_stack([lost[:, group.inputs].sum(axis=1) for group in groups])
    return np.asarray(np.maximum(by_group, 0.0))
