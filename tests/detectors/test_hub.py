import msgspec

from detectors.hub import HubConfig, HubRole, Rhythm
from streams.messages import Alarm, PlantModelMessage, Verdict

from .synthetic import plant

CONFIG = HubConfig(votes=2, last=3, monitor_votes=3, monitor_last=4, quiet_s=20.0, silent_reports=3)


class Loop:
    """Feeds a hub one exchange at a time, 4 s each."""

    def __init__(self, config: HubConfig = CONFIG) -> None:
        self.hub, self.k, self.seq = HubRole(config), 0, 0

    def step(self, *verdicts: tuple[str, str, str | None, bool], method: str = "x") -> list[Alarm]:
        messages = []
        for detector, domain, value, alarm in verdicts:
            messages.append(
                Verdict(
                    "detector", self.seq, self.k, self.k * 4.0, detector=detector, domain=domain, station="*",
                    value=value, alarm=alarm, score=1.0 if alarm else -1.0, margin=None, method=method,
                )
            )  # fmt: skip
            self.seq += 1
        inbox = {"verdicts": messages}
        if self.k == 0:
            inbox["model"] = [PlantModelMessage("plant", 0, 0, 0.0, document=plant().encode())]
        out = self.hub.step(self.k, self.k * 4.0, inbox)
        self.k += 1
        return [o.message for o in out]


QUIET = ("certified", "grid", "certified_normal", False)
PLAIN = ("certified", "grid", "uncertain", True)
SURE = ("certified", "grid", "certified_alarm", True)
MONITOR = ("residual", "grid", None, True)


def test_one_alarming_verdict_raises_nothing() -> None:
    loop = Loop()
    assert not [a for v in (QUIET, PLAIN, QUIET, QUIET, PLAIN, QUIET, QUIET) for a in loop.step(v)]


def test_persistence_raises_once_then_certifies_then_clears() -> None:
    loop = Loop()
    told = [a for v in (QUIET, PLAIN, PLAIN, PLAIN, SURE, SURE, SURE) for a in loop.step(v)]
    assert [(a.state, a.certified, a.priority) for a in told] == [
        ("raised", False, "medium"),
        ("raised", True, "high"),
    ]
    assert {a.alarm_id for a in told} == {"certified/grid#1"}
    told = [a for _ in range(10) for a in loop.step(QUIET)]
    assert [(a.state, a.t_s) for a in told] == [("cleared", 6 * 4.0 + 20.0)]
    told = [a for _ in range(3) for a in loop.step(SURE)]
    assert [(a.alarm_id, a.certified) for a in told] == [("certified/grid#2", True)]


def test_a_score_that_dances_makes_one_alarm() -> None:
    loop = Loop()
    told = [a for i in range(60) for a in loop.step(PLAIN if i % 3 else QUIET)]
    assert len(told) == 1


def test_a_monitor_makes_a_low_alarm_that_is_never_certified() -> None:
    loop = Loop()
    told = [a for _ in range(6) for a in loop.step(QUIET, MONITOR)]
    assert [(a.source, a.priority, a.certified, a.state) for a in told] == [
        ("residual/grid", "low", False, "raised")
    ]


def test_a_monitor_is_heard_where_no_certified_member_vouches() -> None:
    """Making the certified member uncertain must not silence the defence."""
    loop = Loop()
    unsure = ("certified", "grid", "uncertain", False)
    told = [a for _ in range(6) for a in loop.step(unsure, MONITOR)]
    assert [(a.source, a.priority, a.certified) for a in told] == [("residual/grid", "medium", False)]
    loop = Loop()
    told = [a for v in [QUIET] * 4 + [unsure] * 4 for a in loop.step(v, MONITOR)]
    assert [(a.priority, a.alarm_id) for a in told] == [
        ("low", "residual/grid#1"),
        ("medium", "residual/grid#1"),
    ]


def test_speaking_without_judging_is_silence() -> None:
    loop = Loop()
    loop.step(QUIET)
    blind = ("certified", "grid", "uncertain", False)
    told = [a for _ in range(6) for a in loop.step(blind, method="none: switch status missing")]
    assert [(a.source, a.state, a.priority, a.t_s) for a in told] == [("heartbeat", "raised", "medium", 16.0)]
    told = loop.step(QUIET)
    assert [(a.source, a.state) for a in told] == [("heartbeat", "cleared")]


def test_warming_up_is_not_silence() -> None:
    loop = Loop()
    warming = ("certified", "water", "uncertain", False)
    told = [a for _ in range(200) for a in loop.step(warming, method="none: too few")]
    assert [a for a in told if a.domain == "water"] == []


def test_a_source_that_never_judges_is_missed_after_its_warm_up() -> None:
    loop = Loop()
    blind = ("certified", "water", "uncertain", False)
    told = [a for _ in range(400) for a in loop.step(blind, method="none: samples missing")]
    water = [(a.source, a.priority, a.state) for a in told if a.domain == "water"]
    assert water == [("heartbeat", "medium", "raised")]


def test_blinding_does_not_clear_a_standing_alarm() -> None:
    """Water: five reports of 60 s are as long as the quiet time."""
    loop = Loop(HubConfig(votes=2, last=3, quiet_s=300.0, silent_reports=5))
    sure, blind = ("certified", "water", "certified_alarm", True), ("certified", "water", "uncertain", False)
    for i in range(46):
        loop.step(QUIET, *([sure] if i % 15 == 0 else []))
    told = []
    for i in range(46, 300):
        if i % 15 == 0:
            told += loop.step(blind, method="none: samples missing")
        else:
            told += loop.step(QUIET)
    assert [(a.source, a.state) for a in told if a.domain == "water"] == [("heartbeat", "raised")]


def test_an_alarm_that_clears_leaves_its_source_a_witness() -> None:
    """A monitor that is low while windows are certified normal stays low when an old alarm clears."""
    loop = Loop()
    for _ in range(3):
        loop.step(SURE)
    told = [a for _ in range(3) for a in loop.step(QUIET)]
    told += [a for _ in range(12) for a in loop.step(QUIET, MONITOR)]
    assert ("certified/grid", "cleared") in [(a.source, a.state) for a in told]
    assert {a.priority for a in told if a.source == "residual/grid"} == {"low"}


def test_silence_is_an_alarm_and_ends_with_the_next_verdict() -> None:
    loop = Loop()
    loop.step(QUIET)
    told = [a for _ in range(6) for a in loop.step()]
    assert [(a.source, a.state, a.priority, a.t_s) for a in told] == [("heartbeat", "raised", "medium", 16.0)]
    told = loop.step(QUIET)
    assert [(a.source, a.state) for a in told] == [("heartbeat", "cleared")]


def test_a_detector_that_never_spoke_is_missed() -> None:
    loop = Loop()
    told = [a for _ in range(6) for a in loop.step()]
    assert [(a.source, a.alarm_id) for a in told] == [("heartbeat", "heartbeat/certified/grid#1")]


def test_silence_does_not_clear_an_alarm() -> None:
    loop = Loop()
    for _ in range(3):
        loop.step(SURE)
    told = [a for _ in range(20) for a in loop.step()]
    assert [a.source for a in told] == ["heartbeat"]


def test_slow_water_reports_are_not_silence() -> None:
    loop = Loop()
    told = []
    for i in range(60):
        water = [("certified", "water", "certified_normal", False)] if i % 15 == 0 else []
        told += loop.step(QUIET, *water)
    assert told == []


def test_numbers_have_no_gaps() -> None:
    loop = Loop(HubConfig(votes=1, last=1, quiet_s=4.0))
    told = [a for i in range(40) for a in loop.step(SURE if i % 5 == 0 else QUIET)]
    assert [a.seq for a in told] == list(range(len(told)))
    assert len(told) == 16


SLOW = ("estimator", "grid", None, True)
SLOW_QUIET = ("estimator", "grid", None, False)
PACED = HubConfig(
    votes=2, last=3, monitor_votes=3, monitor_last=4, quiet_s=120.0, silent_reports=3,
    rhythms=(Rhythm("estimator", 60.0),),
)  # fmt: skip


def paced(config: HubConfig, minutes: str) -> list[Alarm]:
    """One letter per minute: A an alarming verdict of the estimator, q a quiet one, - none."""
    loop, told = Loop(config), []
    for letter in minutes:
        for scan in range(15):
            due = [SLOW if letter == "A" else SLOW_QUIET] if scan == 0 and letter != "-" else []
            told += loop.step(QUIET, *due)
    return [alarm for alarm in told if alarm.source != "certified/grid"]


def test_a_slow_detector_is_judged_by_its_own_pace() -> None:
    assert paced(PACED, "qqqqqqqqqq") == []
    assert paced(PACED, "qAqqqAqqq") == []
    told = paced(PACED, "qqAAAqqqqq")
    assert [(a.state, a.source, a.t_s) for a in told] == [
        ("raised", "estimator/grid", 180.0),
        ("cleared", "estimator/grid", 360.0),
    ]


def test_a_slow_detector_that_falls_silent_is_missed_after_its_own_reports() -> None:
    told = paced(PACED, "qqq----")
    assert [(a.source, a.state, a.t_s) for a in told] == [("heartbeat", "raised", 304.0)]


def test_an_ignored_detector_raises_nothing_and_is_not_missed() -> None:
    assert paced(msgspec.structs.replace(PACED, ignored=("estimator",)), "qAAAAAA---------") == []
