"""Scores worked by hand, and the made-up run scored end to end."""

import msgspec
import pytest

from scenarios.arms import ARMS
from scenarios.detection import (
    HUB_S,
    Detection,
    DomainDetection,
    Span,
    _whole,
    detection_of,
    false_alarms_per_day,
    first_raises,
    link_domains,
    share,
    tampered_spans,
    time_to_detect,
)
from scenarios.recording import read_summary
from scenarios.run_folder import PLANT_MODEL
from scenarios.score import HarmAverted, harm_averted, outcome_of, safe_mode_hours
from scenarios.summary import results_digest
from streams.plant_model import PlantModel
from tests.scenarios.made_run import ALARM_S, ATTACK_S, make_run


def event(t_s, kind, element):
    return {"t_s": t_s, "kind": kind, "element": element}


def raised(t_s, alarm_id="a", certified=False):
    return {"t_s": t_s, "alarm_id": alarm_id, "certified": certified}


def test_tampering_lasts_while_any_link_is_tapped():
    events = [
        event(10.0, "tap_in", "A"),
        event(20.0, "tap_in", "B"),
        event(30.0, "tap_out", "A"),
        event(35.0, "line_trip", "l"),
        event(50.0, "tap_out", "B"),
        event(80.0, "tap_in", "A"),
    ]
    assert tampered_spans(events, 100.0) == [Span(10.0, 50.0), Span(80.0, 100.0)]
    assert tampered_spans([], 100.0) == []


def test_time_to_detect_runs_from_the_first_tampered_sample():
    spans = [Span(100.0, 200.0), Span(300.0, 400.0)]
    assert time_to_detect(spans, [raised(40.0), raised(130.0), raised(310.0)]) == (True, 30.0)
    assert time_to_detect(spans, [raised(40.0)]) == (False, None)
    assert time_to_detect([], [raised(40.0)]) == (None, None)
    assert time_to_detect(spans, [raised(100.0)]) == (True, 0.0)


def test_false_alarms_are_counted_per_day_of_quiet_time():
    # Half a day, tampered from 10,000 to 20,000 s and 300 s more: 43,200 - 10,300 s are quiet.
    spans = [Span(10_000.0, 20_000.0)]
    times = [9_999.0, 10_000.0, 20_250.0, 20_301.0]
    assert false_alarms_per_day(spans, times, 43_200.0, HUB_S) == pytest.approx(2.0 / (32_900.0 / 86_400.0))
    assert false_alarms_per_day([], [5.0], 86_400.0, HUB_S) == 1.0
    assert false_alarms_per_day([Span(0.0, 100.0)], [5.0], 100.0, HUB_S) is None


def test_spans_whose_trails_overlap_are_not_counted_twice():
    spans = [Span(0.0, 100.0), Span(200.0, 300.0)]
    assert false_alarms_per_day(spans, [950.0], 1000.0, HUB_S) == pytest.approx(1.0 / (400.0 / 86_400.0))


def test_the_arm_s_figures_follow_from_its_domains():
    """Water is falsified from 100 s, the grid from 500 s; what the grid shows says nothing of the tank."""
    water = DomainDetection(True, 700.0, None, 0.5, 0.5, 0.5)
    grid = DomainDetection(True, 20.0, 30.0, 1.0, 1.0, 0.0)
    both = _whole({"grid": grid, "water": water}, {"grid": 500.0, "water": 100.0}, ["uncertain", None])
    assert (both.detected, both.time_to_detect_s, both.certified_time_to_detect_s) == (True, 420.0, 430.0)
    assert both.false_alarms_per_day == 1.5
    assert (both.certified_share, both.uncertain_share) == (0.0, 1.0)
    quiet = _whole({"grid": DomainDetection(None, None, None, None, 1.0, 0.0)}, {}, ["certified_normal"])
    assert (quiet.detected, quiet.time_to_detect_s, quiet.false_alarms_per_day) == (None, None, None)


def test_links_belong_to_the_domain_of_their_stations(tiny_prepared):
    domains = link_domains(tiny_prepared.plant_model)
    assert domains["S2>SCADA"] == "grid"
    assert {domains["RTU-2>SCADA"], domains["RTU-2>PLC"], domains["SCADA>PLC"]} == {"water"}


def test_an_alarm_told_again_is_one_alarm():
    assert first_raises([raised(5.0), raised(9.0, certified=True), raised(12.0, "b")]) == [5.0, 12.0]


def test_shares_leave_monitors_out():
    verdicts = ["certified_normal", "uncertain", None, "certified_alarm", "certified_normal", None]
    assert share(verdicts, ("certified_normal", "certified_alarm")) == 0.75
    assert share(verdicts, ("uncertain",)) == 0.25
    assert share([None], ("uncertain",)) is None


def test_safe_modes_count_each_by_itself_and_to_the_end():
    events = [
        event(0.0, "safe_mode_in", "grid/x"),
        event(1800.0, "safe_mode_in", "water/y"),
        event(3600.0, "safe_mode_out", "grid/x"),
    ]
    assert safe_mode_hours(events, 5400.0) == 2.0


def test_harm_averted_needs_both_arms():
    without = {"energy_not_served_mwh": 10.0, "water_not_delivered_m3": None}
    with_ = {"energy_not_served_mwh": 12.5, "water_not_delivered_m3": 3.0}
    assert harm_averted({"undefended": without, "defended": with_}) == HarmAverted(-2.5, None, None)
    assert harm_averted({"undefended": without}) == HarmAverted()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("made") / "run")


def test_the_made_up_run_is_scored_as_it_was_made(run):
    summary = read_summary(run)
    assert list(summary.arms) == ["baseline", "undefended", "defended", "nuisance"]
    defended, nuisance = summary.arms["defended"].detection, summary.arms["nuisance"].detection
    assert defended.detected is True
    assert defended.time_to_detect_s == defended.certified_time_to_detect_s == ALARM_S - ATTACK_S
    assert defended.false_alarms_per_day == 0.0
    # 301 verdicts, of which those from 240 to 260 s are uncertain.
    assert defended.uncertain_share == pytest.approx(6 / 301)
    assert defended.certified_share == pytest.approx(295 / 301)
    quiet = DomainDetection(None, None, None, 0.0, 1.0, 0.0)
    assert nuisance == Detection(None, None, None, 0.0, 1.0, 0.0, domains={"grid": quiet})
    assert summary.arms["baseline"].detection == summary.arms["undefended"].detection == Detection()
    assert summary.arms["undefended"].outcome["lines_tripped"] == 1
    assert summary.arms["undefended"].outcome["safe_mode_hours"] is None
    assert summary.arms["defended"].outcome["safe_mode_hours"] == (1200.0 - ALARM_S) / 3600.0
    assert summary.arms["nuisance"].outcome["safe_mode_hours"] == 0.0
    assert summary.harm_averted == HarmAverted(5.0, 100.0, None)
    assert summary.arms["defended"].latency["verdict_p50_ms"] == 1.5
    assert summary.arms["baseline"].latency["verdict_p50_ms"] is None


def test_the_same_results_give_the_same_digest_and_other_results_another(run, tmp_path):
    again = read_summary(make_run(tmp_path / "again"))
    assert again.digest == read_summary(run).digest
    arms = dict(again.arms)
    records = dict.fromkeys(arms, "x")
    before = results_digest(arms, again.harm_averted, records)
    slow = msgspec.structs.replace(arms["defended"], latency={"verdict_p50_ms": 99.0})
    assert results_digest({**arms, "defended": slow}, again.harm_averted, records) == before
    changed = msgspec.structs.replace(
        arms["defended"], outcome={**arms["defended"].outcome, "lines_tripped": 1}
    )
    assert results_digest({**arms, "defended": changed}, again.harm_averted, records) != before
    assert results_digest(arms, again.harm_averted, {**records, "defended": "y"}) != before


def test_an_arm_that_did_not_end_has_no_figures(run, tmp_path):
    outcome = outcome_of(tmp_path, ARMS["defended"])
    assert outcome["energy_not_served_mwh"] is None
    assert outcome["shed_mw_by_cause"]["ufls"] is None
    plant = PlantModel.decode((run / PLANT_MODEL).read_bytes())
    assert detection_of(run / "defended", ARMS["undefended"], plant, 1200.0) == Detection()
