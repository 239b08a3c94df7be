"""One channel: a vector of values on its way from a source to a receiver, and the taps on it.

Everything here works on slots, positions in the vector. Who may tap what is decided in ``streams.links``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.messages import TapOperation

HISTORY_S = 86_400.0
"""How far back replay and delay reach; older records are let go."""

_TIME_TOLERANCE_S = 1e-6
"""Record times are k * scan_s in floating point; a target this close to one means that one."""

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SlotTap:
    """An accepted tap on some slots of a channel; values and eps (engineering units), one per slot."""

    number: int
    operation: TapOperation
    slots: NDArray[np.intp]
    values: Vector
    eps: Vector
    start_s: float
    end_s: float


class Channel:
    """Values in ``size`` slots; only the slots in ``reach`` can ever be tapped, and only they cost anything.

    Calls come with times that never decrease. Where two taps cover a slot at the same time, the one accepted
    later wins and the other is over for that slot. ``reachable``: whether there is a slot to tap.
    ``changed`` is set when a tap began or ended; whoever keeps account of it resets it.
    """

    def __init__(self, size: int, reach: Sequence[int]) -> None:
        self._reach = np.array(sorted(reach), dtype=np.intp)
        self.reachable = len(self._reach) > 0
        self._column = np.full(size, -1, dtype=np.intp)
        self._column[self._reach] = np.arange(len(self._reach))
        self._history = _History(len(self._reach))
        self._pending: list[SlotTap] = []
        self._active: dict[int, SlotTap] = {}
        self._held: dict[int, float] = {}
        self._next_change_s = np.inf
        self._compiled = _Compiled({}, {}, self._column)
        self.changed = False

    def add(self, tap: SlotTap) -> None:
        """Let a tap act from its start on, or from the next call where that is past."""
        self._pending.append(tap)
        self._next_change_s = min(self._next_change_s, tap.start_s)

    @property
    def active(self) -> dict[int, SlotTap]:
        """Slot -> tap that acts on it since the last ``apply``."""
        return self._active

    def apply(self, t_s: float, measured: Vector) -> Vector:
        """What is received of ``measured`` at ``t_s``; ``measured`` itself when nothing is tapped.

        Missing (NaN) stays missing. Each received value lies within eps of the measured one in exact
        arithmetic; only ``drop`` makes a value missing. A tap that looks back to a missing value or to
        before the record passes the measured value on.
        """
        if not self.reachable:
            return measured
        if t_s >= self._next_change_s:
            self._change(t_s)
        row = measured[self._reach]
        self._history.append(t_s, row)
        if not self._active:
            self._history.received(row)
            return measured
        received = self._compiled.apply(t_s, measured, self._history)
        self._history.received(received[self._reach])
        return received

    def _change(self, t_s: float) -> None:
        """Start and end taps that are due, in the order in which they were accepted."""
        active = {slot: tap for slot, tap in self._active.items() if tap.end_s > t_s}
        due = [tap for tap in self._pending if tap.start_s <= t_s]
        self._pending = [tap for tap in self._pending if tap.start_s > t_s]
        for tap in sorted(due, key=lambda tap: tap.number):
            if tap.end_s <= t_s:
                continue
            for slot in tap.slots.tolist():
                if slot not in active or active[slot].number < tap.number:
                    active[slot] = tap
                    if tap.operation == "hold":
                        self._held[slot] = float(self._history.last_received[self._column[slot]])
        self._active = active
        self.changed = True
        self._compiled = _Compiled(active, self._held, self._column)
        changes = [tap.end_s for tap in active.values()] + [tap.start_s for tap in self._pending]
        self._next_change_s = min(changes, default=np.inf)


class _Compiled:
    """The active taps as arrays: every operation that looks at one value is a * measured + b."""

    def __init__(self, active: dict[int, SlotTap], held: dict[int, float], column: NDArray[np.intp]) -> None:
        self._slots = np.array(sorted(active), dtype=np.intp)
        count = len(self._slots)
        self._a, self._b, self._eps = np.ones(count), np.zeros(count), np.zeros(count)
        drop: list[int] = []
        back: list[tuple[int, float, float, bool]] = []
        for i, slot in enumerate(self._slots.tolist()):
            tap = active[slot]
            j = int(np.flatnonzero(tap.slots == slot)[0])
            value, self._eps[i] = float(tap.values[j]), tap.eps[j]
            match tap.operation:
                case "set":
                    self._a[i], self._b[i] = 0.0, value
                case "hold":
                    self._a[i], self._b[i] = 0.0, held[slot]
                case "offset":
                    self._b[i] = value
                case "scale":
                    self._a[i] = value
                case "drop":
                    drop.append(i)
                case "replay" | "delay":
                    back.append((i, tap.start_s, value, tap.operation == "replay"))
        self._drop = np.array(drop, dtype=np.intp)
        self._back = np.array([i for i, *_ in back], dtype=np.intp)
        self._back_start_s = np.array([start for _, start, _, _ in back])
        self._back_s = np.array([value for _, _, value, _ in back])
        self._back_loops = np.array([loops for *_, loops in back], dtype=bool)
        self._back_column = column[self._slots[self._back]]

    def apply(self, t_s: float, measured: Vector, history: _History) -> Vector:
        true = measured[self._slots]
        with np.errstate(over="ignore", invalid="ignore"):
            false = self._a * true + self._b
            if len(self._back):
                since_s = t_s - self._back_start_s
                loop_s = np.where(self._back_loops, np.maximum(self._back_s, _TIME_TOLERANCE_S), np.inf)
                # Replay runs through the last seconds before its start again and again.
                turns = np.floor((since_s + _TIME_TOLERANCE_S) / loop_s)
                shift_s = np.where(self._back_loops, (turns + 1.0) * self._back_s, self._back_s)
                false[self._back] = history.at(t_s - shift_s, self._back_column)
            false = np.where(np.isnan(false), true, false)
            # One step towards the measured value makes the bound hold in exact arithmetic: the rounded
            # sum may lie up to half a step outside.
            low = np.nextafter(true - self._eps, true)
            high = np.nextafter(true + self._eps, true)
            false = np.minimum(np.maximum(false, low), high)
        false[self._drop] = np.nan
        received = measured.copy()
        received[self._slots] = false
        return received


class _History:
    """Measured values of the slots in reach over the last HISTORY_S, oldest first."""

    def __init__(self, width: int) -> None:
        self._times = np.empty(64)
        self._rows = np.empty((64, width))
        self._count = 0
        self.last_received: Vector = np.full(width, np.nan)

    def append(self, t_s: float, row: Vector) -> None:
        if self._count and self._times[self._count - 1] == t_s:
            self._rows[self._count - 1] = row
            return
        if self._count == len(self._times):
            self._make_room(t_s)
        self._times[self._count] = t_s
        self._rows[self._count] = row
        self._count += 1

    def received(self, row: Vector) -> None:
        """Remember the last value of each slot that arrived at all."""
        np.copyto(self.last_received, row, where=~np.isnan(row))

    def at(self, times_s: Vector, columns: NDArray[np.intp]) -> Vector:
        """Last value at or before each time; NaN before the first."""
        rows = np.searchsorted(self._times[: self._count], times_s + _TIME_TOLERANCE_S, side="right") - 1
        return np.where(rows >= 0, self._rows[np.maximum(rows, 0), columns], np.nan)

    def _make_room(self, t_s: float) -> None:
        old = int(np.searchsorted(self._times, t_s - HISTORY_S))
        kept = self._count - old
        # Twice the room once less than a quarter is freed, so that rows move rarely.
        size = len(self._times) * (1 if 4 * old >= self._count else 2)
        times, rows = np.empty(size), np.empty((size, self._rows.shape[1]))
        times[:kept], rows[:kept] = self._times[old:], self._rows[old:]
        self._times, self._rows, self._count = times, rows, kept
