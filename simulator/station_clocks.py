"""How old a station's sample is when the scan is taken: its clock is not everybody's.

A station on GPS time (the protected concentrator) is right to a microsecond (IEEE C37.118.1); one on NTP over
a wide area network to some tens of milliseconds (RFC 5905). The error belongs to the station, not to the run.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.draws import Draws
from streams.plant_model import Tag

NTP_ERROR_S = 0.1


def sample_age_s(tags: Sequence[Tag]) -> NDArray[np.float64]:
    """(tags,) seconds, uniform from 0 to NTP_ERROR_S by station; 0 on protected links."""
    stations = tuple(dict.fromkeys(tag.station for tag in tags))
    luck = Draws(0, "station-clock", stations, kind="uniform", block_steps=1).at(0)
    age = dict(zip(stations, (NTP_ERROR_S * luck).tolist(), strict=True))
    return np.array([0.0 if tag.protected else age[tag.station] for tag in tags])
