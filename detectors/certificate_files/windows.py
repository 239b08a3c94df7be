"""The raw window behind a certificate, found again in the recording: plain look-up, nothing judged."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from detectors.certificate_files.canonical import digest_of_values
from detectors.dataset import load_run, sample_rows, switch_states
from detectors.dc import Floats, GridIndex
from detectors.model import Model, require_fit
from detectors.water_features import WaterIndex
from streams.errors import BadInput


class Recording:
    """A recording as one model's members see it. Raises BadInput where it cannot be read or does not fit."""

    def __init__(self, model: Model, data: Path) -> None:
        self.run = load_run(data)
        require_fit(model, self.run.plant)
        self._members = model.spec.members
        self.grid = GridIndex.build(self.run.plant) if "grid" in self._members else None
        self.water = WaterIndex.build(self.run.plant) if "water" in self._members else None
        if self.grid is not None:
            self._states = switch_states(self.run, self.grid.status_tag)
        if self.water is not None:
            self._samples = sample_rows(self.run.t_s, self.water.period_s)

    def digest(self) -> str:
        """sha256 over all times and values, hex."""
        return digest_of_values(self.run.t_s, self.run.telemetry)

    def window(
        self, domain: Literal["grid", "water"], t_s: float
    ) -> tuple[tuple[int, int], tuple[Floats, Floats]]:
        """(first row, last row) of the window that ends at t_s, and its raw values.

        Grid: powers (scans, columns) and switch statuses (scans, branches). Water: samples (samples, columns)
        and nothing. Raises BadInput where no such window is in the recording.
        """
        at = np.flatnonzero(self.run.t_s == t_s)
        index = self.grid if domain == "grid" else self.water
        if not at.size or index is None:
            raise BadInput(f"{self.run.where}: t_s", t_s, f"the end of a window of the {domain} member")
        end = int(at[0])
        return self._grid(end) if domain == "grid" else self._water(end)

    def length_s(self, domain: Literal["grid", "water"], rows: tuple[int, int]) -> float:
        """Time from the oldest to the newest sample of a window."""
        if domain == "water" and self.water is not None:
            return (self.water.samples - 1) * self.water.period_s
        return float(self.run.t_s[rows[1]] - self.run.t_s[rows[0]])

    def _grid(self, end: int) -> tuple[tuple[int, int], tuple[Floats, Floats]]:
        assert self.grid is not None
        first = end - self._members["grid"].window + 1
        if first < 0:
            raise BadInput(f"{self.run.where}: row", end, "a row with a whole window before it")
        part = slice(first, end + 1)
        return (first, end), (self.run.telemetry[part][:, self.grid.columns], self._states[part])

    def _water(self, end: int) -> tuple[tuple[int, int], tuple[Floats, Floats]]:
        assert self.water is not None
        ix = self.water
        number = np.flatnonzero(self._samples == end)
        if not number.size:
            raise BadInput(f"{self.run.where}: row", end, "the first row of a report period of the tanks")
        last = int(number[0])
        before = max(ix.samples - 1 - last, 0)
        here = self._samples[max(last - ix.samples + 1, 0) : last + 1]
        values = np.vstack(
            [np.full((before, ix.columns.size), np.nan), self.run.telemetry[here][:, ix.columns]]
        )
        return (-1 if before else int(here[0]), end), (values, np.empty((0, 0)))
