"""Every figure of a summary that is not the plant's own, on a case worked by hand.

``HAND_WORKED`` has one entry per field, each giving what was found and what it should be; the plant's own are
in ``tests/simulator/test_outcomes.py``.
"""

import hashlib
import itertools

import msgspec
import pytest

from scenarios import arm_run
from scenarios.arm_run import TimedRole
from scenarios.detection import DomainDetection, Span, _domain, _whole, share
from scenarios.recording import read_summary
from scenarios.score import harm_averted, safe_mode_hours
from tests.scenarios.made_run import make_run

DAY_S = 86_400.0
# Tampered from 1,000 to 2,000 s of a day; one alarm before, one 40 s after the start, certified 20 s later.
SPANS = [Span(1000.0, 2000.0)]
ALARMS = [
    {"t_s": 500.0, "alarm_id": "early", "certified": True},
    {"t_s": 1040.0, "alarm_id": "right", "certified": False},
    {"t_s": 1060.0, "alarm_id": "right", "certified": True},
    {"t_s": 2290.0, "alarm_id": "trail", "certified": False},
    {"t_s": 2310.0, "alarm_id": "late", "certified": False},
]
# Two of eight verdicts are a monitor's, which certifies nothing.
VERDICTS = ["certified_normal"] * 3 + ["certified_alarm"] + ["uncertain"] * 2 + [None] * 2
STEPS_MS = (1.0, 2.0, 3.0, 4.0, 90.0)


def grid():
    return _domain("grid", SPANS, ALARMS, VERDICTS, DAY_S)


def domains():
    """The tank is falsified 300 s before the grid and found 60 s after that: first found after 60 s."""
    water = DomainDetection(True, 60.0, None, 2.0, 1.0, 0.0)
    whole = _whole({"grid": grid(), "water": water}, {"grid": 1000.0, "water": 700.0}, VERDICTS)
    assert whole.certified_time_to_detect_s == 300.0 + 60.0
    assert whole.false_alarms_per_day == pytest.approx(grid().false_alarms_per_day + 2.0)
    return (whole.domains["water"], whole.time_to_detect_s), (water, 60.0)


class Idle:
    """A role that does nothing."""

    name, reads, writes = "detector", {}, ()

    def step(self, k, t_s, inbox):
        return []


def latency():
    """Steps of 1, 2, 3, 4 and 90 ms against a deadline of 50 ms, by a clock of our own."""
    ticks = itertools.chain.from_iterable((0.0, ms / 1000.0) for ms in STEPS_MS)
    clock, arm_run.time.perf_counter = arm_run.time.perf_counter, lambda: next(ticks)
    try:
        role = TimedRole(Idle())
        for k in range(len(STEPS_MS)):
            role.step(k, 4.0 * k, {})
    finally:
        arm_run.time.perf_counter = clock
    return role.latency(0.050)


def outcome(energy_mwh, water_m3):
    return {"energy_not_served_mwh": energy_mwh, "water_not_delivered_m3": water_m3}


def averted():
    """10 MWh and 400 m3 without a defence, 4 MWh and 450 m3 with one: it cost 50 m3."""
    return harm_averted({"undefended": outcome(10.0, 400.0), "defended": outcome(4.0, 450.0)})


def modes():
    """Two modes, half an hour of them together; the second is on to the end at 1.5 h."""
    events = [
        {"t_s": 0.0, "kind": "safe_mode_in", "element": "grid/x"},
        {"t_s": 1800.0, "kind": "safe_mode_in", "element": "water/y"},
        {"t_s": 3600.0, "kind": "safe_mode_out", "element": "grid/x"},
    ]
    return safe_mode_hours(events, 5400.0), 1.0 + 1.0


HAND_WORKED = {
    "outcome.safe_mode_hours": modes,
    "detection.detected": lambda: (grid().detected, True),
    "detection.time_to_detect_s": lambda: (grid().time_to_detect_s, 40.0),
    "detection.certified_time_to_detect_s": lambda: (grid().certified_time_to_detect_s, 60.0),
    # "early" and "late": the trail of 300 s after tampering is not quiet yet.
    "detection.false_alarms_per_day": lambda: (grid().false_alarms_per_day, 2.0 / ((DAY_S - 1300.0) / DAY_S)),
    "detection.certified_share": lambda: (grid().certified_share, 4.0 / 6.0),
    "detection.uncertain_share": lambda: (share(VERDICTS, ("uncertain",)), 2.0 / 6.0),
    "detection.domains": domains,
    "latency.verdict_p50_ms": lambda: (latency().verdict_p50_ms, 3.0),
    # Between the fourth and the fifth of five: 4 + 0.96 * 86 ms.
    "latency.verdict_p99_ms": lambda: (latency().verdict_p99_ms, 86.56),
    "latency.deadline_misses": lambda: (latency().deadline_misses, 1),
    "harm_averted.energy_mwh": lambda: (averted().energy_mwh, 6.0),
    "harm_averted.water_m3": lambda: (averted().water_m3, -50.0),
    "harm_averted.share_of_oracle": lambda: (averted().share_of_oracle, None),
}


@pytest.mark.parametrize("figure", HAND_WORKED)
def test_a_figure_is_what_a_hand_works_out(figure):
    found, expected = HAND_WORKED[figure]()
    assert found == (pytest.approx(expected) if isinstance(expected, float) else expected)


SUMMARY = {
    "summary.schema": lambda summary: (summary.schema, 1),
    "summary.scenario": lambda summary: (summary.scenario, "made"),
    "summary.seed": lambda summary: (summary.seed, 1),
    "summary.status": lambda summary: (summary.status, "complete"),
    "summary.digest": lambda summary: (summary.digest, digest_by_hand(summary)),
}


def digest_by_hand(summary):
    """Keys sorted, no blanks, latency left out, and each arm's record beside its figures."""
    plain = msgspec.to_builtins(summary)
    arms = {
        name: {"detection": arm["detection"], "outcome": arm["outcome"], "record": RECORDS[name]}
        for name, arm in plain["arms"].items()
    }
    canonical = msgspec.json.encode({"arms": arms, "harm_averted": plain["harm_averted"]}, order="sorted")
    return hashlib.sha256(canonical).hexdigest()


RECORDS = {}


@pytest.fixture(scope="module")
def summary(tmp_path_factory):
    folder = make_run(tmp_path_factory.mktemp("made") / "run")
    for result in folder.glob("*/result.json"):
        RECORDS[result.parent.name] = msgspec.json.decode(result.read_bytes())["record_digest"]
    return read_summary(folder)


@pytest.mark.parametrize("field", SUMMARY)
def test_the_head_of_the_document(field, summary):
    found, expected = SUMMARY[field](summary)
    assert found == expected
