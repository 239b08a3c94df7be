import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import taps
from streams.errors import BadInput
from streams.links import LinkBudget, LinkTable
from streams.messages import Tap
from streams.plant_model import LinkTag
from tests.streams.toys import STATIONS, toy_budgets, toy_model

MODEL = toy_model()
N = len(MODEL.tags)
PLC_EPS = {"level_m": 2.0, "flow_m3h": 10.0}


def table(*budgets):
    return LinkTable(MODEL, budgets or toy_budgets())


def tap(operation, values, start_s=0.0, end_s=1000.0, tags=("S00/a_mw",), link="S00>SCADA"):
    return Tap(
        producer="attacker",
        seq=0,
        k=0,
        t_s=0.0,
        link=link,
        operation=operation,
        tags=list(tags),
        values=list(values),
        start_s=start_s,
        end_s=end_s,
    )


def series(links, count, start=0):
    """Received first tag for measured 10 + t/4 at t = 0, 4, ...; all other tags must pass untouched."""
    received = []
    for i in range(start, start + count):
        measured = np.full(N, 10.0 + i)
        out = links.apply(4.0 * i, measured)
        assert np.array_equal(out[1:], measured[1:])
        received.append(float(out[0]))
    return received


def test_without_taps_the_very_values_arrive():
    links = table()
    measured = np.arange(float(N))
    assert links.apply(0.0, measured) is measured
    assert links.take_transitions() == []


@pytest.mark.parametrize(
    ("operation", "value", "expected"),
    [
        ("set", 12.0, [10.0, 12.0, 12.0, 13.0]),
        ("offset", 1.5, [10.0, 12.5, 13.5, 13.0]),
        ("offset", -1.5, [10.0, 9.5, 10.5, 13.0]),
        ("scale", 0.75, [10.0, 8.25, 9.0, 13.0]),
        ("hold", 0.0, [10.0, 10.0, 10.0, 13.0]),
        ("delay", 4.0, [10.0, 10.0, 11.0, 13.0]),
    ],
)
def test_operations_act_from_start_to_before_end(operation, value, expected):
    links = table()
    assert links.accept(tap(operation, [value], 4.0, 12.0)) is None
    assert series(links, 4) == expected


def test_replay_runs_through_its_record_again_and_again():
    links = table()
    assert links.accept(tap("replay", [8.0], 12.0, 32.0)) is None
    # Measured 10, 11, 12, 13, ...; the record of the last 8 s before 12 s is 11, 12.
    assert series(links, 6) == [10.0, 11.0, 12.0, 11.0, 12.0, 11.0]
    # From here on measured - 5 MW is more than what was recorded.
    assert series(links, 2, 6) == [12.0, pytest.approx(12.0)]
    assert series(links, 2, 8) == [18.0, 19.0]


def test_results_are_clipped_to_the_budget():
    links = table()
    links.accept(tap("set", [1e9, -1e9], tags=("S00/a_mw", "S00/b_mw")))
    out = links.apply(0.0, np.full(N, 10.0))
    assert out[:3].tolist() == pytest.approx([15.0, 5.0, 10.0])
    assert out[0] <= 15.0
    assert out[1] >= 5.0


def test_missing_stays_missing_and_only_drop_makes_missing():
    links = table()
    for operation in ("set", "offset", "scale", "hold", "replay", "delay"):
        links.accept(tap(operation, [4.0]))
        measured = np.full(N, 10.0)
        assert not math.isnan(links.apply(0.0, measured)[0])
        measured[0] = math.nan
        assert math.isnan(links.apply(4.0, measured)[0])
        links = table()


def test_looking_back_to_a_missing_value_passes_the_measured_one_on():
    links = table()
    links.accept(tap("delay", [4.0], 4.0))
    measured = np.full(N, 10.0)
    measured[0] = math.nan
    links.apply(0.0, measured)
    measured[0] = 11.0
    assert links.apply(4.0, measured)[0] == 11.0


def test_hold_keeps_the_last_value_that_arrived():
    links = table()
    links.accept(tap("hold", [0.0], 8.0))
    for t_s, value in ((0.0, 10.0), (4.0, math.nan)):
        links.apply(t_s, np.full(N, value))
    assert links.apply(8.0, np.full(N, 11.0))[0] == 10.0


def test_hold_keeps_what_was_received_under_an_earlier_tap():
    links = table()
    links.accept(tap("offset", [3.0], 0.0, 8.0))
    assert series(links, 2) == [13.0, 14.0]
    links.accept(tap("hold", [0.0], 8.0, 100.0))
    assert series(links, 2, 2) == [14.0, 14.0]


def test_drop_makes_missing_where_it_is_allowed():
    budget = LinkBudget("S00>SCADA", {"S00/a_mw": 0.0}, True, 0.0, 100.0)
    links = table(budget)
    assert links.accept(tap("drop", [0.0], 0.0, 4.0)) is None
    assert math.isnan(links.apply(0.0, np.zeros(N))[0])
    assert links.apply(4.0, np.zeros(N))[0] == 0.0


def test_a_later_tap_replaces_an_earlier_one_for_good():
    links = table()
    links.accept(tap("offset", [1.0], 0.0, 100.0))
    links.accept(tap("offset", [2.0], 4.0, 8.0))
    assert series(links, 4) == [11.0, 13.0, 12.0, 13.0]


def test_taps_ahead_of_time_follow_each_other():
    links = table()
    links.accept(tap("offset", [1.0], 0.0, 4.0))
    links.accept(tap("offset", [2.0], 4.0, 8.0))
    assert series(links, 3) == [11.0, 13.0, 12.0]


def test_an_earlier_tap_that_starts_later_does_not_displace_a_later_one():
    links = table()
    links.accept(tap("offset", [1.0], 4.0, 100.0))
    links.accept(tap("offset", [2.0], 0.0, 100.0))
    assert series(links, 3) == [12.0, 13.0, 14.0]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (tap("set", [1.0], link="S99>SCADA"), "no link"),
        (tap("set", [1.0], link="S11>SCADA", tags=("S11/a_mw",)), "protected"),
        (tap("set", [1.0], link="S05>SCADA", tags=("S05/a_mw",)), "out of reach"),
        (tap("set", [1.0], tags=("S01/a_mw",)), "carries no tag"),
        (tap("set", [1.0], tags=("S00/b_mw",)), "S00/b_mw on link S00>SCADA is out of reach"),
        (tap("set", [1.0], 0.0, 50.0), "allowed from 40 s to 80 s only"),
        (tap("set", [1.0], 50.0, 90.0), "allowed from 40 s to 80 s only"),
        (tap("drop", [0.0], 50.0, 60.0), "drop is not allowed"),
        (tap("set", [1.0, 2.0], 50.0, 60.0), "1 tags and 2 values"),
        (tap("set", [], 50.0, 60.0, tags=()), "0 tags"),
        (tap("set", [1.0, 1.0], 50.0, 60.0, tags=("S00/a_mw", "S00/a_mw")), "distinct"),
        (tap("set", [math.inf], 50.0, 60.0), "finite"),
        (tap("set", [1.0], 60.0, 60.0), "start before the end"),
        (tap("replay", [0.0], 50.0, 60.0), "replay reaches back"),
        (tap("delay", [-1.0], 50.0, 60.0), "delay"),
        (tap("delay", [1e9], 50.0, 60.0), "delay"),
    ],
)
def test_refusals_say_why_and_change_nothing(bad, reason):
    protected = {"S11/a_mw": 5.0}
    links = table(
        LinkBudget("S00>SCADA", {"S00/a_mw": 5.0}, False, 40.0, 80.0),
        LinkBudget("S11>SCADA", protected, True, 0.0, 1e6),
    )
    refusal = links.accept(bad)
    assert refusal is not None
    assert refusal.tap is bad
    assert reason in refusal.reason
    measured = np.zeros(N)
    for t_s in (0.0, 50.0, 55.0):
        assert links.apply(t_s, measured) is measured


def test_one_of_several_budgets_is_enough():
    links = table(
        LinkBudget("S00>SCADA", {"S00/a_mw": 1.0}, False, 0.0, 10.0),
        LinkBudget("S00>SCADA", {"S00/a_mw": 3.0}, True, 10.0, 20.0),
    )
    assert links.accept(tap("offset", [9.0], 0.0, 10.0)) is None
    assert links.accept(tap("offset", [9.0], 10.0, 20.0)) is None
    assert links.accept(tap("drop", [0.0], 0.0, 10.0)) is not None
    assert links.accept(tap("offset", [9.0], 5.0, 15.0)) is not None
    assert series(links, 4) == pytest.approx([11.0, 12.0, 13.0, 16.0])


@pytest.mark.parametrize(
    "budget",
    [
        LinkBudget("nowhere", {}, False, 0.0, 1.0),
        LinkBudget("S00>SCADA", {"S01/a_mw": 1.0}, False, 0.0, 1.0),
        LinkBudget("S00>SCADA", {"S00/a_mw": -1.0}, False, 0.0, 1.0),
        LinkBudget("S00>SCADA", {"S00/a_mw": math.nan}, False, 0.0, 1.0),
        LinkBudget("S00>SCADA", {"S00/a_mw": 1.0}, False, 1.0, 1.0),
    ],
)
def test_a_budget_that_makes_no_sense_is_bad_input(budget):
    with pytest.raises(BadInput):
        table(budget)


def test_transitions_name_the_link_once():
    links = table()
    links.accept(tap("offset", [1.0, 1.0], 4.0, 12.0, tags=("S00/a_mw", "S00/b_mw")))
    links.accept(tap("hold", [0.0], 8.0, 12.0, link="S01>SCADA", tags=("S01/c_mw",)))
    for i in range(4):
        if i == 2:
            # A tap that takes over without a gap is no transition.
            links.accept(tap("set", [1.0], 8.0, 12.0))
        links.apply(4.0 * i, np.full(N, float(i)))
    assert [tuple(t) for t in links.take_transitions()] == [
        (4.0, "tap_in", "S00>SCADA", "offset", 2),
        (8.0, "tap_in", "S01>SCADA", "hold", 1),
        (12.0, "tap_out", "S00>SCADA", "set", 2),
        (12.0, "tap_out", "S01>SCADA", "hold", 1),
    ]
    assert links.take_transitions() == []


def kinds(links):
    return [(t.t_s, t.kind, t.operation) for t in links.take_transitions()]


@pytest.mark.parametrize(("operation", "nothing"), [("offset", 0.0), ("scale", 1.0), ("delay", 0.0)])
def test_a_tap_that_changes_nothing_ends_tampering(operation, nothing):
    links = table()
    links.accept(tap(operation, [nothing]))
    series(links, 2)
    links.accept(tap("offset", [1.0], 8.0))
    series(links, 2, 2)
    links.accept(tap(operation, [nothing], 16.0))
    series(links, 4, 4)
    assert kinds(links) == [(8.0, "tap_in", "offset"), (16.0, "tap_out", "offset")]
    # One tag is given up, another is not.
    links.accept(tap("offset", [1.0, 1.0], 32.0, tags=("S00/a_mw", "S00/b_mw")))
    links.accept(tap(operation, [nothing], 36.0))
    for i in range(8, 12):
        links.apply(4.0 * i, np.zeros(N))
    assert kinds(links) == [(32.0, "tap_in", "offset")]


def test_tampering_begins_with_the_first_value_that_is_changed():
    links = table()
    links.accept(tap("set", [12.0], 0.0, 24.0))
    # Measured and set are the same at first; later, too, for once, which does not interrupt the tampering.
    for t_s, measured in ((0.0, 12.0), (4.0, 12.0), (8.0, 11.0), (12.0, 12.0), (16.0, 13.0), (24.0, 13.0)):
        links.apply(t_s, np.full(N, measured))
    assert kinds(links) == [(8.0, "tap_in", "set"), (24.0, "tap_out", "set")]


def test_a_budget_of_nothing_is_no_tampering_but_a_drop_is():
    budget = LinkBudget("S00>SCADA", {"S00/a_mw": 0.0}, True, 0.0, 100.0)
    links = table(budget)
    links.accept(tap("offset", [1.0], 0.0, 8.0))
    links.accept(tap("drop", [0.0], 8.0, 100.0))
    measured = np.zeros(N)
    for i in range(4):
        # What is missing already cannot be dropped.
        measured[0] = math.nan if i == 2 else 1.0
        links.apply(4.0 * i, measured)
    assert kinds(links) == [(12.0, "tap_in", "drop")]


def test_tampering_shows_with_the_reports_of_a_slow_station():
    links = table()
    links.accept(tap("offset", [1.0], 4.0, 16.0))
    slow = np.arange(N) >= 3
    for i in range(8):
        # Reported at 0, 12 and 24 s; between, the value on the link is seen by nobody.
        links.apply(4.0 * i, np.full(N, 10.0), None if i % 3 == 0 else slow)
    assert kinds(links) == [(12.0, "tap_in", "offset"), (24.0, "tap_out", "offset")]


def test_a_command_shows_tampering_with_its_own_element():
    eps = {"unit": 10.0, "other": 10.0}
    model = msgspec.structs.replace(MODEL, link_tags=(*MODEL.link_tags, LinkTag("SCADA>S00", "other")))
    links = LinkTable(model, [LinkBudget("SCADA>S00", eps, True, 0.0, 1e6)])
    for element in eps:
        links.apply_command("SCADA>S00", element, 100.0, 0.0)
    links.accept(tap("offset", [1.0], 4.0, 8.0, tags=("unit",), link="SCADA>S00"))
    links.apply_command("SCADA>S00", "other", 100.0, 4.0)
    assert kinds(links) == []
    links.apply_command("SCADA>S00", "unit", 100.0, 4.0)
    assert kinds(links) == [(4.0, "tap_in", "offset")]
    links.apply_command("SCADA>S00", "other", 100.0, 8.0)
    assert kinds(links) == [(8.0, "tap_out", "offset")]


def test_other_links_are_apart_from_the_centre_s():
    links = table(LinkBudget("PLC2>PLC1", PLC_EPS, False, 0.0, 1e6))
    assert links.accept(tap("set", [0.0], 0.0, 10.0, tags=("level_m",), link="PLC2>PLC1")) is None
    assert links.apply_link("PLC2>PLC1", 0.0, np.array([3.0, 50.0])).tolist() == pytest.approx([1.0, 50.0])
    measured = np.full(N, 3.0)
    assert links.apply(0.0, measured) is measured
    assert links.apply_link("PLC2>PLC1", 10.0, np.array([3.0, 50.0])).tolist() == [3.0, 50.0]
    assert [t.kind for t in links.take_transitions()] == ["tap_in", "tap_out"]


def test_commands_are_tapped_on_their_link():
    links = table(LinkBudget("SCADA>S00", {"unit": 10.0}, True, 0.0, 1e6))
    assert links.apply_command("SCADA>S00", "unit", 100.0, 0.0) == 100.0
    links.accept(tap("offset", [-25.0], 4.0, 8.0, tags=("unit",), link="SCADA>S00"))
    links.accept(tap("hold", [0.0], 8.0, 12.0, tags=("unit",), link="SCADA>S00"))
    links.accept(tap("drop", [0.0], 12.0, 16.0, tags=("unit",), link="SCADA>S00"))
    assert links.apply_command("SCADA>S00", "unit", 105.0, 4.0) == pytest.approx(95.0)
    assert links.apply_command("SCADA>S00", "unit", 104.0, 8.0) == pytest.approx(95.0)
    assert math.isnan(links.apply_command("SCADA>S00", "unit", 104.0, 12.0))
    assert links.apply_command("SCADA>S00", "unit", 104.0, 16.0) == 104.0
    assert links.apply_command("SCADA>S00", "not declared", 1.0, 16.0) == 1.0
    assert links.apply_command("SCADA>S07", "unit", 1.0, 16.0) == 1.0


def test_the_record_stays_bounded(monkeypatch):
    monkeypatch.setattr(taps, "HISTORY_S", 400.0)
    links = table()
    for i in range(5000):
        links.apply(4.0 * i, np.full(N, float(i)))
    assert len(links._main._history._times) <= 512
    links.accept(tap("delay", [4.0], 4.0 * 5000, 1e5))
    assert links.apply(4.0 * 5000, np.full(N, 5000.0))[0] == 4999.0


OPERATIONS = st.sampled_from(["set", "offset", "scale", "hold", "replay", "delay"])
VALUES = st.floats(-1e300, 1e300) | st.floats(0.125, 60.0)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_received_never_leaves_measured_by_more_than_eps(data):
    """In exact arithmetic, whatever the taps: sampled over all operations, sizes and times."""
    from fractions import Fraction

    eps = data.draw(st.floats(0.0, 1e12) | st.floats(0.0, 1e-12))
    budget = LinkBudget("S00>SCADA", {t.name: eps for t in MODEL.tags[:3]}, False, 0.0, 1e6)
    links = table(budget)
    for i in range(data.draw(st.integers(2, 8))):
        if data.draw(st.booleans()):
            operation, value = data.draw(OPERATIONS), data.draw(VALUES)
            start_s = 4.0 * i + data.draw(st.sampled_from([-4.0, 0.0, 8.0]))
            tags = data.draw(st.sampled_from([("S00/a_mw",), ("S00/a_mw", "S00/c_mw")]))
            links.accept(tap(operation, [value] * len(tags), max(start_s, 0.0), start_s + 16.0, tags))
        measured = np.zeros(N)
        measured[:3] = data.draw(st.lists(st.floats(-1e15, 1e15) | st.just(math.nan), min_size=3, max_size=3))
        received = links.apply(4.0 * i, measured)
        assert np.array_equal(np.isnan(received), np.isnan(measured))
        for got, sent in zip(received[:3].tolist(), measured[:3].tolist(), strict=True):
            if not math.isnan(sent):
                assert abs(Fraction(got) - Fraction(sent)) <= Fraction(eps)
                assert abs(got - sent) <= eps
        assert np.array_equal(received[3:], measured[3:])


def test_stations_in_reach_are_those_of_the_budgets():
    links = table()
    for station in STATIONS:
        refused = links.accept(tap("set", [0.0], link=f"{station}>SCADA", tags=(f"{station}/a_mw",)))
        assert (refused is None) == (station in STATIONS[:2])


def test_nothing_arrives_over_a_link_that_is_down():
    links = table()
    own = [i for i, tag in enumerate(MODEL.tags) if tag.link == "S00>SCADA"]
    measured = np.arange(float(N))
    links.set_down(frozenset({"S00>SCADA", "PLC2>PLC1", "SCADA>PLC1"}))
    received = links.apply(0.0, measured)
    assert np.isnan(received[own]).all()
    np.testing.assert_array_equal(np.delete(received, own), np.delete(measured, own))
    others = {entry.link for entry in MODEL.link_tags}
    assert others
    for link in others:
        carried = sum(entry.link == link for entry in MODEL.link_tags)
        links.set_down(frozenset({link}))
        assert np.isnan(links.apply_link(link, 4.0, np.ones(carried))).all()
        element = next(entry.tag for entry in MODEL.link_tags if entry.link == link)
        assert math.isnan(links.apply_command(link, element, 1.0, 4.0))
        links.set_down(frozenset())
        assert links.apply_link(link, 8.0, np.ones(carried)).tolist() == [1.0] * carried
    assert links.apply(8.0, measured) is measured


def test_a_tap_on_a_link_that_is_down_makes_no_value():
    links = table()
    assert links.accept(tap("set", [50.0], start_s=0.0)) is None
    links.set_down(frozenset({"S00>SCADA"}))
    assert math.isnan(links.apply(4.0, np.full(N, 10.0))[0])
    links.set_down(frozenset())
    assert links.apply(8.0, np.full(N, 10.0))[0] != 10.0


def test_a_command_that_is_not_declared_is_lost_on_a_link_that_is_down_too():
    links = table()
    assert links.apply_command("SCADA>S09", "G1", 5.0, 0.0) == 5.0
    links.set_down(frozenset({"SCADA>S09"}))
    assert math.isnan(links.apply_command("SCADA>S09", "G1", 5.0, 4.0))
