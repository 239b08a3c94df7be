"""Reads a PLC graph from a TOML file; the format is described in docs/physics/plc.md."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

import msgspec
from msgspec import Meta

from simulator.water.conditions import Signal
from simulator.water.plc import STALE_S, OnStale
from simulator.water.plc_graph import (
    WATER_REPORT_S,
    Plc,
    PlcGraph,
    Read,
    Schedule,
    Threshold,
    instrument_of,
)
from streams.errors import BadInput
from streams.finite import check_finite

CATALOGUE = {"ctown": Path(__file__).parent / "data" / "ctown_plcs.toml"}

Name = Annotated[str, Meta(pattern=r"^[^/>]+$")]
LinkId = Annotated[str, Meta(pattern=r"^[^>]+>[^>]+$")]
ClockTime = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Seconds = Annotated[float, Meta(gt=0.0)]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every table: unknown keys are refused."""


class _Reads(_Table, frozen=True):
    link: LinkId
    tags: Annotated[tuple[str, ...], Meta(min_length=1)]


class _Threshold(_Table, frozen=True):
    link: str
    tag: str
    on_below: float | None = None
    off_above: float | None = None
    on_above: float | None = None
    off_below: float | None = None


class _Schedule(_Table, frozen=True):
    link: str
    on_at: tuple[ClockTime, ...] = ()
    off_at: tuple[ClockTime, ...] = ()


class _Plc(_Table, frozen=True):
    name: Name
    level_m: tuple[str, ...] = ()
    inflow_m3h: tuple[str, ...] = ()
    flow_m3h: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    pressure_m: tuple[str, ...] = ()
    head_m: tuple[str, ...] = ()
    drives: tuple[str, ...] = ()
    reads: tuple[_Reads, ...] = ()
    threshold: tuple[_Threshold, ...] = ()
    schedule: tuple[_Schedule, ...] = ()
    fallback: tuple[_Schedule, ...] = ()
    cycle_s: Seconds = WATER_REPORT_S
    stale_s: Seconds = STALE_S
    on_stale: OnStale = "hold"
    protected: bool = False


class _File(_Table, frozen=True):
    plc: Annotated[tuple[_Plc, ...], Meta(min_length=1)]


_ALLOWED = {
    "name": "a text without / and >",
    "link": "for a read SRC>DST, else the name of a link",
    "on_stale": ", ".join(get_args(OnStale)),
    "cycle_s": "a number of seconds above 0",
    "stale_s": "a number of seconds above 0",
    "on_at": "times of the day such as 05:30",
    "off_at": "times of the day such as 05:30",
    "tags": "a list of at least one tag",
}


def find_plcs(name_or_path: str) -> Path:
    """File of a PLC graph that is shipped or lies at a path. Raises BadInput."""
    path = CATALOGUE.get(name_or_path, Path(name_or_path))
    if not path.is_file():
        allowed = f"{', '.join(CATALOGUE)} or the path of a TOML file"
        raise BadInput("water.plcs", name_or_path, allowed)
    return path


def read_plcs(name_or_path: str) -> PlcGraph:
    """A graph as its file says; whether it fits a network is for ``plc_checks``. Raises BadInput."""
    path = find_plcs(name_or_path)
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput("water.plcs", str(path), f"a readable TOML file ({error})") from None
    except RecursionError:
        raise BadInput("water.plcs", str(path), "a TOML file without lists hundreds deep") from None
    check_finite(document, str(path))
    try:
        file = msgspec.convert(document, _File)
    except msgspec.ValidationError as error:
        raise _explained(error, document, path) from None
    plcs = tuple(_plc(entry, f"{path}: plc[{i}]") for i, entry in enumerate(file.plc))
    return PlcGraph(str(path), plcs)


def digest(name_or_path: str) -> str:
    """sha256 of a graph's file, hex."""
    return hashlib.sha256(find_plcs(name_or_path).read_bytes()).hexdigest()


def _plc(entry: _Plc, where: str) -> Plc:
    measured = [
        *(Signal("level_m", element) for element in entry.level_m),
        *(Signal("inflow_m3h", element) for element in entry.inflow_m3h),
        *(Signal("flow_m3h", element) for element in entry.flow_m3h),
        *(Signal("running", element) for element in entry.running),
        *(Signal("open", element) for element in entry.open),
        *(Signal("pressure_m", element) for element in entry.pressure_m),
        *(Signal("head_m", element) for element in entry.head_m),
    ]
    return Plc(
        name=entry.name,
        instruments=tuple(instrument_of(signal) for signal in measured),
        reads=tuple(Read(read.link, tag) for read in entry.reads for tag in read.tags),
        drives=entry.drives,
        thresholds=tuple(
            _threshold(rule, f"{where}.threshold[{i}]") for i, rule in enumerate(entry.threshold)
        ),
        schedules=_schedules(entry.schedule, f"{where}.schedule"),
        fallback=_schedules(entry.fallback, f"{where}.fallback"),
        cycle_s=entry.cycle_s,
        stale_s=entry.stale_s,
        on_stale=entry.on_stale,
        protected=entry.protected,
    )


def _threshold(rule: _Threshold, where: str) -> Threshold:
    given = {
        key for key in ("on_below", "off_above", "on_above", "off_below") if getattr(rule, key) is not None
    }
    if rule.on_below is not None and rule.off_above is not None and len(given) == 2:
        if rule.on_below >= rule.off_above:
            raise BadInput(f"{where}.on_below", rule.on_below, f"less than off_above = {rule.off_above:g}")
        return Threshold(rule.link, rule.tag, rule.on_below, rule.off_above, rising=False)
    if rule.on_above is not None and rule.off_below is not None and len(given) == 2:
        if rule.on_above <= rule.off_below:
            raise BadInput(f"{where}.on_above", rule.on_above, f"more than off_below = {rule.off_below:g}")
        return Threshold(rule.link, rule.tag, rule.on_above, rule.off_below, rising=True)
    pairs = "on_below with off_above, or on_above with off_below"
    raise BadInput(where, ", ".join(sorted(given)), pairs)


def _schedules(entries: Sequence[_Schedule], where: str) -> tuple[Schedule, ...]:
    for i, entry in enumerate(entries):
        times = (*entry.on_at, *entry.off_at)
        if not entry.on_at or not entry.off_at or len(set(times)) < len(times):
            allowed = "at least one time in each of on_at and off_at, every time once"
            raise BadInput(f"{where}[{i}]", list(times), allowed)
    return tuple(Schedule(e.link, _seconds(e.on_at), _seconds(e.off_at)) for e in entries)


def _seconds(times: Sequence[str]) -> tuple[float, ...]:
    return tuple(60.0 * (60 * int(time[:2]) + int(time[3:])) for time in times)


def _explained(error: msgspec.ValidationError, document: Any, path: Path) -> BadInput:
    """msgspec's complaint as a sentence with file, field and value."""
    text, _, place = str(error).partition(" - at ")
    field = place.strip("`").removeprefix("$").removeprefix(".")
    value = document
    for key, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", field):
        value = value[int(index)] if index else value[key]
    unknown = re.search(r"unknown field `(.*)`", text)
    if unknown:
        known = ", ".join(f for f in _fields_at(field))
        return BadInput(f"{path}: {field or 'file'}", unknown.group(1), f"one of {known}")
    missing = re.search(r"missing required field `(.*)`", text)
    if missing:
        return BadInput(f"{path}: {field or 'file'}", sorted(value), f"a table with {missing.group(1)}")
    last = [name for name in re.findall(r"[^.\[\]]+", field) if not name.isdecimal()][-1]
    allowed = "a text" if "`str`" in text else text.removeprefix("Expected ")
    return BadInput(f"{path}: {field}", value, _ALLOWED.get(last, allowed))


def _fields_at(field: str) -> tuple[str, ...]:
    names = [name for name in re.findall(r"[^.\[\]]+", field) if not name.isdecimal()]
    tables: dict[str, type[_Table]] = {"reads": _Reads, "threshold": _Threshold}
    tables |= {"schedule": _Schedule, "fallback": _Schedule, "plc": _Plc}
    return (tables[names[-1]] if names else _File).__struct_fields__
