"""Settings of protection and dynamics, with the standards they come from."""

from __future__ import annotations

from itertools import pairwise
from math import isfinite

from simulator.settings import Settings
from streams.errors import BadInput

# name -> (a, b, p) of t = multiplier (a / (M^p - 1) + b), M = current / pickup.
# IEC 60255-151 has b = 0; the IEEE rows are those of IEEE C37.112.
CURVES: dict[str, tuple[float, float, float]] = {
    "iec_standard_inverse": (0.14, 0.0, 0.02),
    "iec_very_inverse": (13.5, 0.0, 1.0),
    "iec_extremely_inverse": (80.0, 0.0, 2.0),
    "iec_long_time_inverse": (120.0, 0.0, 1.0),
    "ieee_moderately_inverse": (0.0515, 0.114, 0.02),
    "ieee_very_inverse": (19.61, 0.491, 2.0),
    "ieee_extremely_inverse": (28.2, 0.1217, 2.0),
}

# IEEE C50.13: a machine's field may carry this much of its rated current for so long. Reactive power stands
# for it, on the safe side: the part of the field that active power needs does not grow. That it then has to
# cool so long is an assumption.
FORCING_PU, FORCING_S = 1.46, 30.0
FIELD_COOLED_S = 600.0

SETTINGS_HZ = 60.0
"""Nominal frequency that the frequencies below are meant for; other networks get them in proportion."""

# From this delay on a frequency setting of units is a slow one, spread over unit_slow_spread_hz.
SLOW_S = 180.0


class ProtectionSettings(Settings, frozen=True):
    """Relay settings, the same for every element.

    Overload, per branch on the larger end current over rating: inverse curve with pickup at
    overload_pickup; below pickup the relay resets as an induction disk does, in
    multiplier * overload_reset_s / (1 - M^2) seconds from the brink of tripping (C37.112, 29.1 s for the
    extremely inverse curve); and a definite time fast_pickup, fast_delay_s (DCSIMSEP).
    Load shedding on frequency (ERCOT NOGRR247): one block of feeders per stage of ufls_hz after ufls_delay_s.
    On voltage: one block each uvls_delay_s below uvls_pu, at most uvls_max_steps (steps: AC-CFM; threshold
    and delay are assumptions). Unit trips, pairs (limit, seconds): NERC PRC-024-3, Western and Quebec-free
    tables; units are assumed to trip where the standard stops demanding ride-through. Its high voltages are
    per unit of the nominal operating voltage, taken as the unit's set-point where that is above 1 pu. Where
    the standard's limits stand alone, units of the same settings would all trip in the same instant: the
    instantaneous over-frequency settings are assumed to lie evenly over unit_high_spread_hz above the
    standard's limit, the settings of 180 s over unit_slow_spread_hz beyond theirs, one for each unit with
    capacity in case order (the standard is a minimum: a unit may stay longer).
    Closing of branches, synchronism check (IEEE C37.2 device 25): within one island at most check_angle_deg
    and check_voltage_pu between the two ends (defaults of a common synchrocheck relay, ABB 670 series: 30
    degrees, 0.15 pu); between two islands at most synch_slip_hz (IEEE 1547-2018, table 5, above 1.5 MVA) and
    synch_voltage_pu (IEEE C50.12 and C50.13: 5 %), the phase being taken as matched by the synchroniser; a
    bus counts as live for closing on to it from live_pu.
    """

    overload_curve: str = "iec_extremely_inverse"
    overload_pickup: float = 1.25
    overload_multiplier: float = 1.0
    overload_reset_s: float = 29.1
    fast_pickup: float = 1.5
    fast_delay_s: float = 15.0
    ufls_hz: tuple[float, ...] = (59.3, 59.1, 58.9, 58.7, 58.5)
    ufls_delay_s: float = 0.1
    uvls_pu: float = 0.88
    uvls_delay_s: float = 3.0
    uvls_max_steps: int = 5
    unit_low_hz: tuple[tuple[float, float], ...] = (
        (57.0, 0.0),
        (57.3, 0.75),
        (57.8, 7.5),
        (58.4, 30.0),
        (59.4, 180.0),
    )
    unit_high_hz: tuple[tuple[float, float], ...] = ((61.7, 0.0), (61.6, 30.0), (60.6, 180.0))
    unit_high_spread_hz: float = 1.0
    unit_slow_spread_hz: float = 0.5
    unit_low_pu: tuple[tuple[float, float], ...] = ((0.45, 0.15), (0.65, 0.3), (0.75, 2.0), (0.9, 3.0))
    unit_high_pu: tuple[tuple[float, float], ...] = ((1.2, 0.0), (1.175, 0.2), (1.15, 0.5), (1.1, 1.0))
    check_angle_deg: float = 30.0
    check_voltage_pu: float = 0.15
    synch_slip_hz: float = 0.1
    synch_voltage_pu: float = 0.05
    live_pu: float = 0.8

    def notes(self) -> tuple[str, ...]:
        """One sentence for each setting that no standard prescribes."""
        last_hz = max((hz for hz, delay_s in self.unit_high_hz if delay_s == 0.0), default=0.0)
        return (
            f"Overload relays: {self.overload_curve.replace('_', ' ')}, pick-up {self.overload_pickup:g} of "
            f"rating, time multiplier {self.overload_multiplier:g}; {self.fast_delay_s:g} s above "
            f"{self.fast_pickup:g} of rating.",
            f"Instantaneous over-frequency settings of units are spread from {last_hz:g} to "
            f"{last_hz + self.unit_high_spread_hz:g} Hz, those of {SLOW_S:g} s over "
            f"{self.unit_slow_spread_hz:g} Hz beyond the standard's limit.",
            f"Under-voltage shedding: 5 % every {self.uvls_delay_s:g} s below {self.uvls_pu:g} pu, at most "
            f"{self.uvls_max_steps} times.",
            f"Branches close within {self.check_angle_deg:g} degrees and {self.check_voltage_pu:g} pu, "
            f"between islands within {self.synch_slip_hz:g} Hz and {self.synch_voltage_pu:g} pu.",
        )

    def check(self) -> None:
        """Raise BadInput where a value is outside what the kernels can work with."""
        if self.overload_curve not in CURVES:
            raise BadInput("protection overload_curve", self.overload_curve, ", ".join(CURVES))
        for name in ("overload_pickup", "overload_multiplier", "fast_pickup", "uvls_delay_s"):
            value = getattr(self, name)
            if not (isfinite(value) and value > 0.0):
                raise BadInput(f"protection {name}", value, "a finite number above 0")
        for name in (
            "overload_reset_s",
            "fast_delay_s",
            "ufls_delay_s",
            "uvls_pu",
            "unit_high_spread_hz",
            "unit_slow_spread_hz",
            "check_angle_deg",
            "check_voltage_pu",
            "synch_slip_hz",
            "synch_voltage_pu",
            "live_pu",
        ):
            value = getattr(self, name)
            if not (isfinite(value) and value >= 0.0):
                raise BadInput(f"protection {name}", value, "a finite number, 0 or more")
        if self.uvls_max_steps < 0:
            raise BadInput("protection uvls_max_steps", self.uvls_max_steps, "0 or more")
        falling = all(a > b for a, b in pairwise(self.ufls_hz))
        positive = all(isfinite(hz) and hz > 0.0 for hz in self.ufls_hz)
        if not (falling and positive and len(self.ufls_hz) <= 20):
            raise BadInput("protection ufls_hz", self.ufls_hz, "at most 20 falling frequencies above 0")
        for name in ("unit_low_hz", "unit_high_hz", "unit_low_pu", "unit_high_pu"):
            for limit, delay_s in getattr(self, name):
                if not (isfinite(limit) and limit > 0.0 and isfinite(delay_s) and delay_s >= 0.0):
                    raise BadInput(f"protection {name}", (limit, delay_s), "a limit above 0, 0 s or more")


class DynamicsSettings(Settings, frozen=True):
    """Frequency model, the same for every unit.

    step_s: largest sub-step, at most 0.05; calm_step_s: the same, at most 0.2, while nothing has acted for
    calm_after_s and every frequency is where no relay picks up; valve_s: governor and valve lag; reheat_s,
    high_pressure_share: turbine (Anderson and Mirheydar 1990, 8 s and 0.3); load_damping_pu: per unit of
    load per unit of frequency; deadband_hz: of governors, without step (0.036 Hz is the most that NERC's
    guideline on primary frequency control recommends); resolve_s: longest time between two power flows
    while disturbed; calm_after_s: how long after the last action the grid counts as disturbed.
    slack_bus: name of the bus whose units take the power flow's imbalance in the island they are in, "" for
    all units by stored energy, which is what an instant's imbalance does. q_limits: units that cannot hold
    their voltage within their reactive limits give the limit instead.
    """

    step_s: float = 0.025
    calm_step_s: float = 0.1
    valve_s: float = 0.2
    reheat_s: float = 8.0
    high_pressure_share: float = 0.3
    load_damping_pu: float = 1.0
    deadband_hz: float = 0.0
    resolve_s: float = 1.0
    calm_after_s: float = 30.0
    slack_bus: str = ""
    q_limits: bool = True

    def notes(self) -> tuple[str, ...]:
        """One sentence for each choice that a case does not settle."""
        if not self.q_limits:
            return ("Reactive limits of units are not enforced.",)
        return (
            "Units keep their reactive limits at once; where that leaves no solution, those short of it "
            f"give up to {FORCING_PU:g} of the upper limit for {FORCING_S:g} s. Lower limits above 0 "
            "count as 0.",
        )

    def check(self) -> None:
        """Raise BadInput where a value is outside what the kernels can work with."""
        if not 0.0 < self.step_s <= 0.05:
            raise BadInput("dynamics step_s", self.step_s, "above 0, at most 0.05")
        if not 0.0 < self.calm_step_s <= 0.2:
            raise BadInput("dynamics calm_step_s", self.calm_step_s, "above 0, at most 0.2")
        for name in ("valve_s", "reheat_s", "resolve_s"):
            value = getattr(self, name)
            if not (isfinite(value) and value > 0.0):
                raise BadInput(f"dynamics {name}", value, "a finite number above 0")
        if not 0.0 <= self.high_pressure_share <= 1.0:
            raise BadInput("dynamics high_pressure_share", self.high_pressure_share, "0 to 1")
        for name in ("load_damping_pu", "deadband_hz", "calm_after_s"):
            value = getattr(self, name)
            if not (isfinite(value) and value >= 0.0):
                raise BadInput(f"dynamics {name}", value, "a finite number, 0 or more")
