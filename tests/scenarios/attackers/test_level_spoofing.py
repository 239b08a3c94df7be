from scenarios.attackers.base import Budget, View
from scenarios.attackers.level_spoofing import LevelSpoofing, LevelSpoofingOptions
from streams.messages import Alarm, Directive
from tests.simulator.control.small_grid import small_model

LINKS = frozenset({"RTU-T1>PLC-P1", "RTU-T1>SCADA"})


def make(**options):
    budget = Budget(LINKS, {"RTU-T1/level_m": 8.0}, 100.0, 9000.0, False, 5)
    return LevelSpoofing(budget, LevelSpoofingOptions(**options))


def view(t_s, alarms=(), directives=()):
    return View(int(t_s // 4), t_s, small_model(), alarms=alarms, directives=directives)


def alarm(domain="water", state="raised"):
    return Alarm(
        producer="hub",
        seq=0,
        k=1,
        t_s=4.0,
        alarm_id="1",
        source="x",
        domain=domain,
        priority="high",
        state=state,
        certified=True,
    )


def test_it_shows_the_pumps_a_full_tank_and_scada_the_past():
    orders = {order.link: order for order in make(margin_m=0.3, replay_s=1800.0).act(view(100.0))}
    act, hide = orders["RTU-T1>PLC-P1"], orders["RTU-T1>SCADA"]
    assert (act.operation, act.values) == ("set", (6.3,))
    assert (hide.operation, hide.values) == ("replay", (1800.0,))
    assert act.end_s == hide.end_s == 9000.0


def test_it_stays_once_started():
    attacker = make()
    assert attacker.act(view(100.0))
    assert attacker.act(view(104.0)) == []


def test_it_backs_off_from_an_alarm_and_resumes():
    attacker = make(back_off_s=600.0)
    attacker.act(view(100.0))
    withdrawn = attacker.act(view(200.0, alarms=(alarm(),)))
    assert {(o.operation, o.values) for o in withdrawn} == {("offset", (0.0,))}
    assert attacker.act(view(500.0)) == []
    assert attacker.act(view(804.0))[0].operation == "set"


def test_it_backs_off_from_a_safe_mode():
    attacker = make()
    attacker.act(view(100.0))
    order = Directive(
        producer="responder",
        seq=0,
        k=1,
        t_s=4.0,
        mode="mass_balance_control",
        domain="water",
        action="enter",
        reason="1",
    )
    assert attacker.act(view(200.0, directives=(order,)))


def test_it_ignores_what_does_not_concern_it():
    attacker = make()
    attacker.act(view(100.0))
    assert attacker.act(view(200.0, alarms=(alarm(domain="grid"), alarm(state="cleared")))) == []
