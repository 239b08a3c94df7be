import numpy as np
import pytest

from simulator.control.estimator_role import EstimatorRole
from streams import topics
from streams.messages import PlantModelMessage, Telemetry
from tests.simulator.control.closed_loop import Loop


@pytest.fixture(scope="module")
def loop():
    loop = Loop("ieee39")
    loop.run(8.0)
    yield loop
    loop.close()


def started(loop, period_s=60.0):
    role = EstimatorRole(period_s)
    document = PlantModelMessage(producer="plant", seq=0, k=0, t_s=0.0, document=loop.model.encode())
    first = role.step(0, 0.0, {topics.MODEL: [document], topics.TELEMETRY: loop.telemetry})
    return role, first


def test_it_speaks_every_period_and_never_certifies(loop):
    role, first = started(loop)
    verdicts = [first[0].message]
    for k in range(1, 46):
        verdicts += [out.message for out in role.step(k, 4.0 * k, {topics.TELEMETRY: loop.telemetry})]
    assert [v.t_s for v in verdicts] == [0.0, 60.0, 120.0, 180.0]
    assert [v.seq for v in verdicts] == [0, 1, 2, 3]
    one = verdicts[-1]
    assert (one.detector, one.domain, one.station) == ("estimator", "grid", "*")
    assert (one.value, one.margin, one.method, one.alarm) == (None, None, "wls", False)
    assert -1.0 < one.score < 0.0


def test_a_lie_alarms(loop):
    role, _ = started(loop)
    lied = []
    for message in loop.telemetry:
        values = [
            v * 1.3 if tag.name.endswith("load_mw") else v
            for v, tag in zip(
                message.values, [t for t in loop.model.tags if t.station == message.producer], strict=True
            )
        ]
        changed = message.producer == "S20"
        lied.append(
            Telemetry(
                producer=message.producer, seq=1, k=15, t_s=60.0, link=message.link,
                values=values if changed else message.values,
            )
        )  # fmt: skip
    verdict = role.step(15, 60.0, {topics.TELEMETRY: lied})[0].message
    assert verdict.alarm
    assert verdict.score > 0.0
    assert "S20/load_mw" in role.estimation.last.bad[0].split(" + ")


def test_silence_is_no_verdict_on_the_grid(loop):
    role, _ = started(loop)
    verdict = role.step(15, 60.0, {topics.TELEMETRY: []})[0].message
    assert verdict.method.startswith("none")
    assert not verdict.alarm


def test_a_missing_status_counts_as_it_was(loop):
    role, _ = started(loop)
    silent = [m for m in loop.telemetry if m.producer != "S1"]
    verdict = role.step(15, 60.0, {topics.TELEMETRY: silent})[0].message
    assert not verdict.alarm
    assert role.estimation.closed.all()
    assert np.isfinite(verdict.score)
