"""What each link does: as it is ordered, unless it is stuck; a pump only while supplied and whole."""

from __future__ import annotations

import numpy as np

from simulator.water.engine import Bools
from simulator.water.layout import Floats, Layout


class LinkOrders:
    """Orders and faults of links. alive, failed: (pumps,) electricity and breakage; stuck: (links,)."""

    def __init__(self, layout: Layout) -> None:
        self._pumps = layout.pumps
        self._ordered: Bools = layout.link_open.copy()
        self._setting: Floats = layout.link_setting.copy()
        self.alive: Bools = np.ones(len(layout.pumps), dtype=np.bool_)
        self.failed: Bools = np.zeros(len(layout.pumps), dtype=np.bool_)
        self.stuck: Bools = np.zeros(len(layout.link_names), dtype=np.bool_)

    def order(self, link: int, is_open: bool) -> bool:
        """Order a link open or closed; returns whether it moved. A stuck one forgets the order."""
        if self.stuck[link] or bool(self._ordered[link]) == is_open:
            return False
        self._ordered[link] = is_open
        return True

    def set_setting(self, link: int, setting: float) -> bool:
        """Order a speed or setting, NaN for none; returns whether it changed."""
        if self.stuck[link] or np.array_equal(self._setting[link], setting, equal_nan=True):
            return False
        self._setting[link] = setting
        return True

    def link_open(self) -> Bools:
        """(links,) True where water can pass, a copy."""
        result = self._ordered.copy()
        result[self._pumps] &= self.alive & ~self.failed
        return result
