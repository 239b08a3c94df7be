"""The responder follows playbooks: hand-worked sequences of alarms."""

import msgspec
import pytest

from scenarios.playbooks import ALL_PLAYBOOKS, Entry, Exit, Playbook
from scenarios.responder import PlaybookState, ResponderRole
from streams import topics
from streams.messages import Alarm

BOOK = Playbook(
    name="book",
    description="for tests",
    mode="protected_dispatch",
    entry=Entry(domain="grid", priority="medium", persist_s=8.0),
    actions=("none",),
    cost="none",
    exit=Exit(quiet_s=20.0, at_least_s=40.0),
    timeout_s=100.0,
)


def alarm(t_s, state="raised", domain="grid", priority="high", alarm_id="a"):
    return Alarm(
        producer="hub",
        seq=0,
        k=0,
        t_s=t_s,
        alarm_id=alarm_id,
        source="network",
        domain=domain,
        priority=priority,
        state=state,
        certified=True,
    )


def orders(book, alarms, until_s=200, step_s=4):
    """(time, action) of every order, alarms given as {time: [alarm, ...]}."""
    state = PlaybookState(book)
    found = []
    for t_s in range(0, until_s, step_s):
        order = state.advance(float(t_s), alarms.get(t_s, []))
        if order is not None:
            found.append((t_s, order[0]))
    return found


def test_enters_after_persistence_and_leaves_after_quiet_and_least_stay():
    # Raised at 20, so entered at 28; cleared at 32, quiet for 20 s from 48, but the least stay is 40 s: 68.
    assert orders(BOOK, {20: [alarm(20)], 32: [alarm(32, "cleared")]}) == [(28, "enter"), (68, "exit")]


def test_an_alarm_that_clears_before_it_persisted_enters_nothing():
    assert orders(BOOK, {20: [alarm(20)], 24: [alarm(24, "cleared")]}) == []


@pytest.mark.parametrize("other", [{"domain": "water"}, {"priority": "low"}])
def test_alarms_of_another_domain_or_lower_priority_enter_nothing(other):
    assert orders(BOOK, {20: [alarm(20, **other)]}) == []


def test_a_low_alarm_told_again_as_high_counts_from_then():
    assert orders(BOOK, {20: [alarm(20, priority="low")], 60: [alarm(60)]}, until_s=100) == [(68, "enter")]


def test_timeout_ends_the_mode_and_only_a_new_alarm_enters_it_again():
    alarms = {20: [alarm(20)], 160: [alarm(160, "cleared")], 168: [alarm(168, alarm_id="b")]}
    assert orders(BOOK, alarms) == [(28, "enter"), (128, "exit"), (176, "enter")]


def test_a_playbook_that_needs_confirmation_is_never_entered_without_an_operator():
    book = msgspec.structs.replace(BOOK, confirm=True)
    assert orders(book, {20: [alarm(20)]}) == []


def test_the_role_orders_every_playbook_that_applies():
    role = ResponderRole(ALL_PLAYBOOKS)
    inbox = {topics.ALARMS: [alarm(0.0), alarm(0.0, domain="water", alarm_id="w")]}
    directives = [out.message for out in role.step(0, 0.0, inbox)]
    assert {(d.mode, d.domain, d.action) for d in directives} == {
        ("protected_dispatch", "grid", "enter"),
        ("mass_balance_control", "water", "enter"),
    }
    assert [d.seq for d in directives] == [0, 1]
    assert role.step(1, 4.0, {topics.ALARMS: []}) == []
