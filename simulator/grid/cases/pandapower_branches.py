"""Lines, transformers and impedances of pandapower as pi-equivalents in per unit.

Formulas are those of pandapower's documentation (Thurner et al. 2018, sections on line, transformer and
three-winding transformer); transformers with magnetising current are T-circuits turned into pi-circuits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.grid.cases.pandapower_json import Document, Flags, Frame
from simulator.grid.cases.tables import Floats, Index

Complexes = NDArray[np.complex128]

SIDES = ("hv", "mv", "lv")


@dataclass(frozen=True, eq=False)
class Branches:
    """(l,) each. start, end: bus numbers; z: series impedance; y_start, y_end: shunt admittance of each half,
    behind the tap at the start, all per unit; ratio, shift_deg; rating_mva: 0 where not given; start_on,
    end_on: whether each end is connected.
    """

    start: Index
    end: Index
    z: Complexes
    y_start: Complexes
    y_end: Complexes
    ratio: Floats
    shift_deg: Floats
    rating_mva: Floats
    start_on: Flags
    end_on: Flags

    def hanging_admittance(self) -> tuple[Complexes, Complexes]:
        """(l,) what a branch draws at its start while its end is open, and the other way round, per unit."""
        beyond_start = self.y_start + _in_series(self.z, self.y_end)
        beyond_end = self.y_end + _in_series(self.z, self.y_start)
        return beyond_start / np.square(self.ratio), beyond_end


def _in_series(z: Complexes, y: Complexes) -> Complexes:
    return np.asarray(y / (1.0 + z * y), dtype=np.complex128)


def _complex(real: Floats, imaginary: Floats) -> Complexes:
    return np.asarray(real + 1j * imaginary, dtype=np.complex128)


class Base:
    """Per-unit base. kv: nominal voltage by bus number."""

    def __init__(self, mva: float, hz: float, kv: dict[int, float]) -> None:
        self.mva, self.hz = mva, hz
        self._kv = kv

    def kv(self, buses: Index) -> Floats:
        """(n,) nominal voltage of buses."""
        return np.array([self._kv[bus] for bus in buses.tolist()], dtype=np.float64)


def lines(document: Document, base: Base) -> Branches:
    """Table ``line``. Raises BadInput for a rating that is not above zero."""
    frame = document.frame("line")
    start, end = frame.numbers("from_bus"), frame.numbers("to_bus")
    length, parallel = frame.required("length_km"), frame.floats("parallel", 1.0)
    ohm = np.square(base.kv(start)) / base.mva
    z_per_km = _complex(frame.required("r_ohm_per_km"), frame.required("x_ohm_per_km"))
    z = z_per_km * (length / parallel / ohm)
    susceptance = 2.0 * np.pi * base.hz * 1e-9 * frame.floats("c_nf_per_km", 0.0)
    siemens = _complex(1e-6 * frame.floats("g_us_per_km", 0.0), susceptance)
    half = siemens * (length * parallel * ohm / 2.0)
    current = frame.floats("max_i_ka")
    frame.refuse("max_i_ka", current, current <= 0.0, "above 0 kA, or left out")
    factor = _factor(frame) * parallel
    rating = np.sqrt(3.0) * base.kv(start) * np.nan_to_num(current) * factor
    status = _ends(document, frame, "l", start, end)
    return Branches(start, end, z, half, half, *_no_tap(frame), rating, *status)


def impedances(document: Document, base: Base) -> Branches:
    """Table ``impedance``, the same in both directions. Raises BadInput for one that is not."""
    frame = document.frame("impedance")
    scale = base.mva / frame.required("sn_mva")
    forth = _complex(frame.required("rft_pu"), frame.required("xft_pu"))
    back = _complex(frame.required("rtf_pu"), frame.required("xtf_pu"))
    frame.refuse("rtf_pu, xtf_pu", back.tolist(), forth != back, "those of the other direction")
    y_start = _complex(frame.floats("gf_pu", 0.0), frame.floats("bf_pu", 0.0))
    y_end = _complex(frame.floats("gt_pu", 0.0), frame.floats("bt_pu", 0.0))
    start, end = frame.numbers("from_bus"), frame.numbers("to_bus")
    rating, on = frame.required("sn_mva"), frame.flags("in_service")
    y = y_start / scale, y_end / scale
    return Branches(start, end, forth * scale, *y, *_no_tap(frame), rating, on, on)


def transformers(document: Document, base: Base) -> Branches:
    """Table ``trafo``. Raises BadInput for a tap table, or a rating that is not above zero."""
    frame = document.frame("trafo")
    sn, parallel = frame.required("sn_mva"), frame.floats("parallel", 1.0)
    frame.refuse("sn_mva", sn, sn <= 0.0, "above 0 MVA")
    start, end = frame.numbers("hv_bus"), frame.numbers("lv_bus")
    kv = np.stack([frame.required("vn_hv_kv"), frame.required("vn_lv_kv")])
    shift = frame.floats("shift_degree", 0.0)
    for tap in ("tap", "tap2"):
        sides = [(frame.texts(f"{tap}_side"), side) for side in ("hv", "lv")]
        for row, (found, side) in enumerate(sides):
            at_side = np.array([name == side for name in found], dtype=np.bool_)
            kv[row], turned = _tapped(frame, tap, at_side, kv[row], 1.0 if side == "hv" else -1.0)
            shift = shift + turned
    for half in ("leakage_resistance_ratio_hv", "leakage_reactance_ratio_hv"):
        share = frame.floats(half, 0.5)
        frame.refuse(half, share, share != 0.5, "0.5")
    circuit = _Circuit(end, sn, frame.required("vk_percent"), frame.required("vkr_percent"))
    idle = _idle_percent(document, frame)
    z, y_start, y_end = _pi(circuit, base, kv[1], frame.floats("pfe_kw", 0.0), idle)
    ratio = kv[0] / kv[1] * base.kv(end) / base.kv(start)
    rating, status = sn * parallel * _factor(frame), _ends(document, frame, "t", start, end)
    y = y_start * parallel, y_end * parallel
    return Branches(start, end, z / parallel, *y, ratio, shift, rating, *status)


def three_winding(document: Document, base: Base, star: Index) -> Branches:
    """Table ``trafo3w`` as three arms from ``star`` (t,), bus numbers of the star points; arms of one side
    after those of another, hv, mv, lv. Raises BadInput for a tap at the star point."""
    frame = document.frame("trafo3w")
    frame.refuse("tap_at_star_point", [True] * len(frame), frame.flags("tap_at_star_point", False), "False")
    sn = np.stack([frame.required(f"sn_{side}_mva") for side in SIDES])
    vk, vkr = _star_voltages(frame, sn)
    hv_kv = frame.required("vn_hv_kv")
    side_of_tap = frame.texts("tap_side")
    arms = []
    for row, side in enumerate(SIDES):
        bus, own_kv = frame.numbers(f"{side}_bus"), frame.required(f"vn_{side}_kv")
        tapped = np.array([name == side for name in side_of_tap], dtype=np.bool_)
        at_hv = side == "hv"
        kv, turned = _tapped(frame, "tap", tapped, own_kv, 1.0 if at_hv else -1.0)
        start, end = (bus, star) if at_hv else (star, bus)
        top, low = (kv, hv_kv) if at_hv else (hv_kv, kv)
        circuit = _Circuit(end, sn[row], vk[row], vkr[row])
        none = np.zeros(len(frame))
        iron, idle = (frame.floats("pfe_kw", 0.0), _idle_percent(document, frame)) if at_hv else (none, none)
        shift = turned + (none if at_hv else frame.floats(f"shift_{side}_degree", 0.0))
        ratio = top / low * base.kv(end) / base.kv(start)
        pi = _pi(circuit, base, low, iron, idle)
        status = _ends(document, frame, "t3", start, end)
        arms.append(Branches(start, end, *pi, ratio, shift, sn[row], *status))
    return join(arms)


def _no_tap(frame: Frame) -> tuple[Floats, Floats]:
    return np.ones(len(frame)), np.zeros(len(frame))


def _ends(document: Document, frame: Frame, kind: str, start: Index, end: Index) -> tuple[Flags, Flags]:
    """Whether the two ends of each element are connected: in service and no open switch of ``kind`` there."""
    switch = document.frame("switch")
    open_ = np.array([found == kind for found in switch.texts("et")], dtype=np.bool_) & ~switch.flags(
        "closed"
    )
    pairs = set(
        zip(switch.numbers("element")[open_].tolist(), switch.numbers("bus")[open_].tolist(), strict=True)
    )
    on = frame.flags("in_service")
    at_start, at_end = (
        np.array([(i, b) not in pairs for i, b in zip(frame.index.tolist(), bus.tolist(), strict=True)])
        for bus in (start, end)
    )
    return on & at_start.astype(np.bool_), on & at_end.astype(np.bool_)


def join(parts: list[Branches]) -> Branches:
    """All branches in turn."""
    return Branches(
        *(np.concatenate([getattr(p, name) for p in parts]) for name in Branches.__dataclass_fields__)
    )


@dataclass(frozen=True, eq=False)
class _Circuit:
    """(t,) each: low-voltage bus, rating, short-circuit voltages in percent on it."""

    end: Index
    sn_mva: Floats
    vk_percent: Floats
    vkr_percent: Floats


def _pi(
    circuit: _Circuit, base: Base, lv_kv: Floats, iron_kw: Floats, idle_percent: Floats
) -> tuple[Complexes, Complexes, Complexes]:
    """Series impedance and the two shunt admittances, per unit at the low-voltage bus; lv_kv with taps."""
    at_bus = base.kv(circuit.end)
    scale = np.square(lv_kv / at_bus) * base.mva / circuit.sn_mva / 100.0
    r, z = circuit.vkr_percent * scale, circuit.vk_percent * scale
    series = _complex(r, np.sign(z) * np.sqrt(np.maximum(np.square(z) - np.square(r), 0.0)))
    iron_mw = iron_kw * 1e-3
    idle_mva = idle_percent / 100.0 * circuit.sn_mva
    magnetising = np.sqrt(np.maximum(np.square(idle_mva) - np.square(iron_mw), 0.0))
    y = _complex(iron_mw, -np.sign(idle_percent) * magnetising) * (np.square(at_bus / lv_kv) / base.mva)
    # T to pi: the branch y stands between two halves of the series impedance.
    return series * (1.0 + series * y / 4.0), *((y / 2.0) / (1.0 + series * y / 4.0),) * 2


def _idle_percent(document: Document, frame: Frame) -> Floats:
    """Magnetising current. Below zero it is capacitive in files of pandapower 2; version 3 drops the sign."""
    idle = frame.floats("i0_percent", 0.0)
    return idle if document.version < 3 else np.abs(idle)


def _tapped(frame: Frame, tap: str, at_side: Flags, kv: Floats, direction: float) -> tuple[Floats, Floats]:
    """Nominal voltage and phase shift in degrees of one side with its tap changer; direction: 1 hv, -1 lv."""
    frame.refuse(
        "tap_dependency_table", [True] * len(frame), frame.flags("tap_dependency_table", False), "False"
    )
    steps = frame.floats(f"{tap}_pos", 0.0) - frame.floats(f"{tap}_neutral", 0.0)
    percent, degree = frame.floats(f"{tap}_step_percent", 0.0), frame.floats(f"{tap}_step_degree", 0.0)
    ideal, moves = _tap_kinds(frame, tap)
    ideal, moves = at_side & ideal, at_side & moves
    added = np.where(moves, kv * percent * steps / 100.0 * np.exp(1j * np.radians(degree)), 0.0)
    by_ratio = np.degrees(2.0 * np.arcsin(np.clip(steps * percent / 200.0, -1.0, 1.0)))
    turned = np.where(
        ideal, np.where(degree != 0.0, steps * degree, by_ratio), np.degrees(np.angle(kv + added))
    )
    return np.abs(kv + added), direction * turned


def _tap_kinds(frame: Frame, tap: str) -> tuple[Flags, Flags]:
    """Which tap changers turn the phase alone, and which add a voltage: columns of pandapower 3, else 2."""
    if frame.has(f"{tap}_changer_type"):
        kinds = frame.texts(f"{tap}_changer_type")
        ideal = np.array([kind == "Ideal" for kind in kinds], dtype=np.bool_)
        return ideal, np.array([kind in ("Ratio", "Symmetrical") for kind in kinds], dtype=np.bool_)
    ideal = frame.flags(f"{tap}_phase_shifter", False)
    return ideal, ~ideal


def _star_voltages(frame: Frame, sn: Floats) -> tuple[Floats, Floats]:
    """vk, vkr (3, t) of the arms of a star, in percent of the arm's own rating, from those between sides."""
    least = np.stack([np.minimum(sn[0], sn[1]), np.minimum(sn[1], sn[2]), np.minimum(sn[0], sn[2])])
    vk = np.stack([frame.required(f"vk_{side}_percent") for side in SIDES]) * sn[0] / least
    vkr = np.stack([frame.required(f"vkr_{side}_percent") for side in SIDES]) * sn[0] / least
    real, imaginary = _star(vkr, sn), _star(np.sqrt(np.square(vk) - np.square(vkr)), sn)
    return np.sign(imaginary) * np.hypot(real, imaginary), real


def _star(between: Floats, sn: Floats) -> Floats:
    a, b, c = between
    return np.asarray(0.5 * sn / sn[0] * np.stack([a + c - b, b + a - c, c + b - a]))


def _factor(frame: Frame) -> Floats:
    """Rating factor ``df``. Raises BadInput where it is not above zero."""
    factor = frame.floats("df", 1.0)
    frame.refuse("df", factor, factor <= 0.0, "above 0")
    return factor
