"""Slow oracles of the overload and under-voltage relays, in plain Python, one relay at a time."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isnan

CURVES = {
    "iec_standard_inverse": (0.14, 0.0, 0.02),
    "iec_very_inverse": (13.5, 0.0, 1.0),
    "iec_extremely_inverse": (80.0, 0.0, 2.0),
    "iec_long_time_inverse": (120.0, 0.0, 1.0),
    "ieee_moderately_inverse": (0.0515, 0.114, 0.02),
    "ieee_very_inverse": (19.61, 0.491, 2.0),
    "ieee_extremely_inverse": (28.2, 0.1217, 2.0),
}


def curve_s(curve: str, multiple: float, multiplier: float = 1.0) -> float:
    """Operating time at a constant multiple of pickup (IEC 60255-151, IEEE C37.112)."""
    a, b, p = CURVES[curve]
    return multiplier * (a / (multiple**p - 1.0) + b)


def trip_time_s(
    curve: str, multiple: Callable[[float], float], multiplier: float, reset_s: float, step_s: float = 1e-3
) -> float:
    """When the integral of dt / t(I) reaches 1 (C37.112), with the disk turning back below pickup."""
    travel = 0.0
    for n in range(10_000_000):
        m = multiple((n + 0.5) * step_s)
        if m > 1.0:
            travel += step_s / curve_s(curve, m, multiplier)
        else:
            travel = max(0.0, travel - step_s * (1.0 - m * m) / (multiplier * reset_s))
        if travel >= 1.0:
            return (n + 1) * step_s
    return inf


class Overload:
    """One overload relay: inverse curve with reset, and the definite-time stage."""

    def __init__(self, curve, multiplier, pickup, reset_s, fast_pickup, fast_delay_s, progress, fast_s):
        self.curve, self.multiplier, self.pickup, self.reset_s = curve, multiplier, pickup, reset_s
        self.fast_pickup, self.fast_delay_s = fast_pickup, fast_delay_s
        self.progress, self.fast_s = progress, fast_s

    def time_to_trip(self, loading: float) -> float:
        times = [inf]
        if loading > self.pickup:
            whole = curve_s(self.curve, loading / self.pickup, self.multiplier)
            times.append(max(0.0, 1.0 - self.progress) * whole)
        if loading > self.fast_pickup:
            times.append(max(0.0, self.fast_delay_s - self.fast_s))
        return min(times)

    def advance(self, loading: float, span_s: float) -> bool:
        m = loading / self.pickup
        if m > 1.0:
            self.progress += span_s / curve_s(self.curve, m, self.multiplier)
        else:
            self.progress -= span_s * (1.0 - m * m) / (self.multiplier * self.reset_s)
        self.progress = min(max(self.progress, 0.0), 1.0)
        self.fast_s = self.fast_s + span_s if loading > self.fast_pickup else 0.0
        fast = loading > self.fast_pickup and self.fast_s > self.fast_delay_s - 1e-8
        return fast or (m > 1.0 and self.progress > 1.0 - 1e-9)


def voltage_stages(low, high, high_base) -> list[tuple[float, float, bool]]:
    """(limit, delay, is low) of one voltage relay whose high limits are multiples of ``high_base``."""
    return [(v, d, True) for v, d in low] + [(v * high_base, d, False) for v, d in high]


def _beyond(seen: float, limit: float, is_low: bool) -> bool:
    return not isnan(seen) and (seen < limit if is_low else seen >= limit)


def voltage_time_to_act(seen: float, timers: list[float], stages) -> float:
    """Seconds until a definite-time voltage relay acts while ``seen`` stays; NaN is out of service."""
    left = [d - t for t, (v, d, low) in zip(timers, stages, strict=True) if _beyond(seen, v, low)]
    return max(0.0, min(left, default=inf))


def voltage_advance(seen: float, timers: list[float], stages, span_s: float):
    """New timers, and whether the relay acts."""
    after, acts = [], False
    for timer, (limit, delay_s, is_low) in zip(timers, stages, strict=True):
        beyond = _beyond(seen, limit, is_low)
        after.append(timer + span_s if beyond else 0.0)
        acts = acts or (beyond and after[-1] > delay_s - 1e-8)
    return after, acts
