"""From the record of an arm to how well it detected. Definitions with formulas: docs/outcomes.md.

Every figure exists per domain: an alarm of the grid says nothing of a falsified tank. The figures of the
whole arm follow from those of its domains.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pyarrow.parquet as pq

from detectors.water_features import BLOCK, LAGS_MIN
from scenarios.arms import Arm
from scenarios.score import read_rows
from streams.plant_model import WATER_UNITS, PlantModel

HUB_S = 300.0
TRAIL_S = {"grid": HUB_S, "water": HUB_S + 60.0 * (LAGS_MIN[-1] + BLOCK)}
"""An alarm up to this long after tampering ended still belongs to it: tampered samples stay in the windows,
and the hub waits for several verdicts."""

SECONDS_PER_DAY = 86_400.0
CERTIFIED = ("certified_normal", "certified_alarm")


class DomainDetection(msgspec.Struct, frozen=True):
    """Detection in one domain; None does not apply."""

    detected: bool | None = None
    time_to_detect_s: float | None = None
    certified_time_to_detect_s: float | None = None
    false_alarms_per_day: float | None = None
    certified_share: float | None = None
    uncertain_share: float | None = None


class Detection(DomainDetection, frozen=True):
    """The ``detection`` block of a summary. domains: the same figures by domain."""

    domains: dict[str, DomainDetection] = {}


class Span(NamedTuple):
    """From start_s (inclusive) to end_s (exclusive), simulated seconds."""

    start_s: float
    end_s: float


def detection_of(folder: Path, arm: Arm, plant: PlantModel, duration_s: float) -> Detection:
    """The ``detection`` block of one arm; all None where no detector took part."""
    if not arm.defended:
        return Detection()
    alarms = [row for row in read_rows(folder / "alarms.parquet") if row["state"] == "raised"]
    events = read_rows(folder / "events.parquet")
    table = pq.read_table(folder / "verdicts.parquet", columns=["domain", "verdict"])
    spoken = list(zip(table.column("domain").to_pylist(), table.column("verdict").to_pylist(), strict=True))
    domain_of = link_domains(plant)
    starts: dict[str, float] = {}
    found: dict[str, DomainDetection] = {}
    for domain in sorted({domain for domain, _ in spoken}):
        taps = [row for row in events if domain_of.get(row["element"]) == domain]
        spans = tampered_spans(taps, duration_s)
        starts |= {domain: spans[0].start_s} if spans else {}
        own = [row for row in alarms if row["domain"] == domain]
        verdicts = [verdict for name, verdict in spoken if name == domain]
        found[domain] = _domain(domain, spans, own, verdicts, duration_s)
    return _whole(found, starts, [verdict for _, verdict in spoken])


def _domain(
    domain: str,
    spans: Sequence[Span],
    alarms: Sequence[dict[str, Any]],
    verdicts: Sequence[str | None],
    duration_s: float,
) -> DomainDetection:
    detected, time_s = time_to_detect(spans, alarms)
    _, certified_time_s = time_to_detect(spans, [row for row in alarms if row["certified"]])
    return DomainDetection(
        detected=detected,
        time_to_detect_s=time_s,
        certified_time_to_detect_s=certified_time_s,
        false_alarms_per_day=false_alarms_per_day(
            spans, first_raises(alarms), duration_s, TRAIL_S.get(domain, HUB_S)
        ),
        certified_share=share(verdicts, CERTIFIED),
        uncertain_share=share(verdicts, ("uncertain",)),
    )


def _whole(
    domains: Mapping[str, DomainDetection], starts_s: Mapping[str, float], verdicts: Sequence[str | None]
) -> Detection:
    """Figures of the arm. starts_s: first tampered sample of each domain that has one."""
    first_s = min(starts_s.values(), default=0.0)

    def earliest(figure: str) -> float | None:
        times = [(start_s, getattr(domains[name], figure)) for name, start_s in starts_s.items()]
        return min((start_s + t - first_s for start_s, t in times if t is not None), default=None)

    rates = [one.false_alarms_per_day for one in domains.values() if one.false_alarms_per_day is not None]
    return Detection(
        detected=any(domains[name].detected for name in starts_s) if starts_s else None,
        time_to_detect_s=earliest("time_to_detect_s"),
        certified_time_to_detect_s=earliest("certified_time_to_detect_s"),
        false_alarms_per_day=sum(rates) if rates else None,
        certified_share=share(verdicts, CERTIFIED),
        uncertain_share=share(verdicts, ("uncertain",)),
        domains=dict(domains),
    )


def link_domains(plant: PlantModel) -> dict[str, str]:
    """Domain of every link: water where it starts or ends at a station that has water tags."""
    wet = {tag.station for tag in plant.tags if tag.unit in WATER_UNITS}
    return {link.id: "water" if {link.src, link.dst} & wet else "grid" for link in plant.links}


def tampered_spans(events: Iterable[dict[str, Any]], end_s: float) -> list[Span]:
    """When at least one link showed tampered values, from ``tap_in`` and ``tap_out`` events in time order."""
    spans: list[Span] = []
    tapped: set[str] = set()
    since_s = 0.0
    for event in events:
        if event["kind"] == "tap_in":
            if not tapped:
                since_s = event["t_s"]
            tapped.add(event["element"])
        elif event["kind"] == "tap_out" and event["element"] in tapped:
            tapped.remove(event["element"])
            if not tapped:
                spans.append(Span(since_s, event["t_s"]))
    if tapped:
        spans.append(Span(since_s, end_s))
    return spans


def time_to_detect(
    spans: Sequence[Span], raised: Sequence[dict[str, Any]]
) -> tuple[bool | None, float | None]:
    """Whether and how long after the first tampered sample an alarm was raised; None where none was sent."""
    if not spans:
        return None, None
    first_s = spans[0].start_s
    later = [row["t_s"] - first_s for row in raised if row["t_s"] >= first_s]
    return bool(later), float(min(later)) if later else None


def first_raises(raised: Iterable[dict[str, Any]]) -> list[float]:
    """When each alarm was first raised; one that is told again as it becomes certified stays one alarm."""
    first: dict[str, float] = {}
    for row in raised:
        first.setdefault(row["alarm_id"], row["t_s"])
    return list(first.values())


def false_alarms_per_day(
    spans: Sequence[Span], raised_s: Sequence[float], duration_s: float, trail_s: float
) -> float | None:
    """Alarms raised outside tampering and its trail, per day of such time; None where there is none."""
    covered: list[Span] = []
    for span in spans:
        end_s = min(span.end_s + trail_s, duration_s)
        if covered and span.start_s <= covered[-1].end_s:
            covered[-1] = Span(covered[-1].start_s, max(end_s, covered[-1].end_s))
        else:
            covered.append(Span(span.start_s, end_s))
    quiet_s = duration_s - sum(span.end_s - span.start_s for span in covered)
    if quiet_s <= 0.0:
        return None
    false = [t for t in raised_s if not any(span.start_s <= t <= span.end_s for span in covered)]
    return len(false) / (quiet_s / SECONDS_PER_DAY)


def share(verdicts: Sequence[str | None], values: Sequence[str]) -> float | None:
    """Share of three-valued verdicts that are one of ``values``; None where there are none."""
    spoken = [verdict for verdict in verdicts if verdict is not None]
    return sum(verdict in values for verdict in spoken) / len(spoken) if spoken else None
