"""From windows of telemetry to sets; inputs are (scans, tags), flattened scan after scan."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.verification.sets.boxes import Boxes
from detectors.verification.sets.checks import finite, not_negative
from streams.errors import BadInput

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def over_scans(per_tag: Floats, scans: int) -> Floats:
    """(tags,) -> (scans * tags,), the same in every scan."""
    return np.tile(np.asarray(per_tag, dtype=np.float64), scans)


def _flags(protected: Flags | None, tags: int) -> Flags:
    flags = np.zeros(tags, dtype=np.bool_) if protected is None else np.asarray(protected)
    if flags.shape != (tags,) or flags.dtype != np.bool_:
        raise BadInput("protected tags", (flags.shape, str(flags.dtype)), f"({tags},) true or false")
    return flags


def box_around(
    window: Floats,
    eps: Floats,
    protected: Flags | None = None,
    low: Floats | None = None,
    high: Floats | None = None,
) -> Boxes:
    """Every sample may move by its tag's eps, those of protected tags not at all.

    window: (scans, tags); eps: (tags,) half widths; low, high: (tags,) published ranges. A missing sample
    (NaN) is free over its tag's range. Ends are rounded outward. Raises BadInput on NaN or negative eps, and
    where a sample is missing and no range is given.
    """
    values = np.asarray(window, dtype=np.float64)
    if values.ndim != 2 or not values.size:
        raise BadInput("window", values.shape, "(scans, tags), at least one of each")
    tags = values.shape[1]
    reach = np.where(_flags(protected, tags), 0.0, not_negative("eps", eps, tags))
    missing = np.isnan(values)
    ends = [
        np.where(reach > 0.0, np.nextafter(values + sign * reach, sign * np.inf), values)
        for sign in (-1.0, 1.0)
    ]
    if missing.any():
        if low is None or high is None:
            scan, tag = (int(i) for i in np.argwhere(missing)[0])
            raise BadInput(f"window, scan {scan} of tag {tag}", "missing", "a number, or ranges of the tags")
        ranges = (finite("lower end of range", low, tags), finite("upper end of range", high, tags))
        ends = [np.where(missing, limit, end) for limit, end in zip(ranges, ends, strict=True)]
    return Boxes(ends[0].ravel(), ends[1].ravel())


def station_groups(
    stations: Sequence[str], scans: int = 1, protected: Flags | None = None
) -> dict[str, NDArray[np.intp]]:
    """Inputs of every station, over all scans, without its protected tags.

    stations: of each tag. A station whose tags are all protected is left out: nothing of it is free.
    """
    flags = _flags(protected, len(stations))
    names, tags = np.asarray(stations), np.arange(len(stations))
    groups = {}
    for name in dict.fromkeys(stations):
        own = tags[(names == name) & ~flags]
        if own.size:
            groups[str(name)] = (own[None, :] + len(stations) * np.arange(scans)[:, None]).ravel()
    return groups
