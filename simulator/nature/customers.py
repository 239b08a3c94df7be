"""Who is behind a load: residential, commercial and industrial customers, each with a day of their own.

A transmission bus feeds a mix. Shares are energy shares: the United States' retail sales of 2022 were 38.4 %
residential, 35.4 % commercial and 26.0 % industrial (EIA, Electric Power Annual 2022); each bus deviates by a
draw that belongs to the bus, not to the run. Days are BDEW standard load profiles (``data/README.md``).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulator.draws import Draws
from simulator.nature.rts_load import Day, Season, day_of
from streams.errors import BadInput

Floats = NDArray[np.float64]
CustomerClass = Literal["residential", "commercial", "industrial"]

CLASSES: tuple[CustomerClass, ...] = ("residential", "commercial", "industrial")
SHARES = np.array([0.384, 0.354, 0.260]) / 0.998
MEAN_W = 1000.0e3 / 8760.0
# Shares follow a Dirichlet law around SHARES by Erlang variates of this order: 3 leaves most buses mixed.
ERLANG_ORDER = 3
PROFILES = Path(__file__).parent / "data" / "class_profiles.csv"


def class_mix(network: str, buses: tuple[str, ...], declared: Mapping[str, CustomerClass]) -> Floats:
    """(buses, classes) energy shares of every bus; a declared bus has one class only.

    Raises BadInput for a declared bus that carries no load.
    """
    for bus in declared:
        if bus not in buses:
            raise BadInput("nature.load_classes", bus, "a bus with load")
    elements = tuple(f"{bus}|{name}" for bus in buses for name in CLASSES)
    luck = Draws(0, f"customers|{network}", elements, kind="uniform", block_steps=ERLANG_ORDER)
    erlang = -sum(np.log1p(-luck.at(n)) for n in range(ERLANG_ORDER))
    weight = SHARES * np.reshape(erlang, (len(buses), len(CLASSES)))
    mix = weight / weight.sum(axis=1, keepdims=True)
    for bus, name in declared.items():
        mix[buses.index(bus)] = [float(other == name) for other in CLASSES]
    return np.asarray(mix)


class Profiles:
    """Power of each class in an hour over its mean power of the year."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, Season, Day], list[float]] = {}
        with PROFILES.open(newline="") as file:
            for name, season, day, *watts in list(csv.reader(file))[1:]:
                self._rows[name, season, day] = [float(w) / MEAN_W for w in watts]  # type: ignore[index]

    def at(self, moment: datetime) -> Floats:
        """(classes,) in the hour that begins at ``moment``."""
        season, day = profile_season(moment), day_of(moment)
        return np.array([self._rows[name, season, day][moment.hour] for name in CLASSES])


def profile_season(moment: datetime) -> Season:
    """Season of the profiles: winter from 1 November to 20 March, summer from 15 May to 14 September."""
    date = (moment.month, moment.day)
    if date >= (11, 1) or date <= (3, 20):
        return "winter"
    return "summer" if (5, 15) <= date <= (9, 14) else "transition"
