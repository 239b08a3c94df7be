import contextlib
import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.codec import Malformed, decode, encode
from streams.messages import (
    Abort,
    Alarm,
    Command,
    DeadLetter,
    Directive,
    Event,
    Intercept,
    Marker,
    Outcome,
    PlantModelMessage,
    Setpoint,
    Tap,
    Telemetry,
    Truth,
    Verdict,
)

HEAD = {"producer": "p", "seq": 3, "k": 2, "t_s": 8.0}
VERDICT = {
    "detector": "d",
    "domain": "grid",
    "station": "*",
    "value": None,
    "alarm": True,
    "score": 1.5,
    "margin": None,
    "method": "m",
}
TAP = {
    "link": "S>SCADA",
    "operation": "set",
    "tags": ["a"],
    "values": [1.0],
    "start_s": 0.0,
    "end_s": 4.0,
}
VECTORS = {
    "true": np.array([1.0, -2.0]).tobytes(),
    "measured": np.array([1.5, math.nan]).tobytes(),
    "received": np.array([3.0, math.nan]).tobytes(),
    "links": b"",
    "loading": np.array([0.25]).tobytes(),
}
ALL_KINDS = [
    Telemetry(**HEAD, link="S>SCADA", values=[1.0, -2.5]),
    Verdict(**HEAD, **VERDICT),
    Alarm(**HEAD, alarm_id="a", source="s", domain="grid", priority="low", state="raised", certified=False),
    Directive(**HEAD, mode="hold_last_good", domain="grid", action="enter", reason="r"),
    Command(**HEAD, power_mw=[5.0, -2.5], setpoints=[Setpoint("SCADA>S", "p1", "pump_on", 1.0)]),
    Tap(**HEAD, **TAP),
    Intercept(**HEAD, link="S>SCADA", values=[0.0]),
    Truth(**HEAD, **VECTORS),
    Event(**HEAD, kind="line_trip", element="l", cause="c", value=1.0, unit="MW"),
    Outcome(**HEAD, figures={"x": None, "y": 1.0}, shed_mw_by_cause={"ufls": 0.0}, complete=True),
    Marker(**HEAD, count=4),
    Abort(**HEAD, reason="r"),
    DeadLetter(**HEAD, topic="taps", partition=0, key="k", payload=b"\x00", reason="r"),
    PlantModelMessage(**HEAD, document=b"{}"),
]


@pytest.mark.parametrize("message", ALL_KINDS, ids=lambda m: type(m).__name__)
def test_every_kind_survives_the_way_there_and_back(message):
    payload = encode(message)
    assert decode(payload) == message
    assert encode(decode(payload)) == payload


def test_missing_values_stay_missing():
    values = decode(encode(Telemetry(**HEAD, link="l", values=[math.nan, 1.0]))).values
    assert math.isnan(values[0])
    assert values[1] == 1.0
    power = decode(encode(Command(**HEAD, power_mw=[math.nan, 1.0], setpoints=[]))).power_mw
    assert math.isnan(power[0])
    assert power[1] == 1.0


def altered(message, **fields):
    """Payload of a message with fields changed, added or (None) left out, without any check."""
    plain = {**msgspec.to_builtins(message), **fields}
    return msgspec.msgpack.encode({name: v for name, v in plain.items() if v is not ...})


def unchecked(**vectors):
    return msgspec.msgpack.encode(Truth(**HEAD, **(VECTORS | vectors)))


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "truncated"),
        (b"\xc1", "malformed"),
        (b"\x91\x01", "Expected `object`"),
        (encode(ALL_KINDS[0])[:-1], "truncated"),
        (encode(ALL_KINDS[0]) + b"\x00", "trailing"),
        (altered(ALL_KINDS[0], schema=2), "schema 2 is not allowed; allowed: 1"),
        (altered(ALL_KINDS[0], type="telemetrx"), "telemetrx"),
        (altered(ALL_KINDS[0], colour="red"), "colour"),
        (altered(ALL_KINDS[0], link=...), "link"),
        (altered(ALL_KINDS[0], values=["a"]), "Expected `float`"),
        (altered(ALL_KINDS[0], seq=-1), "seq = -1"),
        (altered(ALL_KINDS[0], t_s=math.inf), "t_s = inf"),
        (altered(ALL_KINDS[0], values=[math.inf]), "infinity"),
        (altered(ALL_KINDS[1], score=math.nan), "score = nan"),
        (altered(ALL_KINDS[1], margin=-0.5), "margin = -0.5"),
        (altered(ALL_KINDS[1], value="sure"), "sure"),
        (altered(ALL_KINDS[4], power_mw=[math.inf]), "power_mw: infinity"),
        (altered(ALL_KINDS[5], end_s=math.inf), "end_s = inf"),
        (altered(ALL_KINDS[5], values=[math.nan]), "values = nan"),
        (altered(ALL_KINDS[8], value=-math.inf), "value = -inf"),
        (altered(ALL_KINDS[9], figures={"x": math.nan}), "x = nan"),
        (altered(ALL_KINDS[0]).replace(b"S>SCADA", b"S\xffSCADA"), "UTF-8"),
        (unchecked(links=np.array([1.0, -math.inf]).tobytes()), "infinity"),
        (unchecked(loading=b"1234567"), "float64"),
        # What msgspec skips because it stands before the type, too deep for Python.
        (b"\x82\xa1x" + b"\x91" * 200_000 + b"\xc0\xa4type\xa9telemetry", "nested too deeply"),
        (None, "no payload"),
    ],
)
def test_malformed_payloads_say_why(payload, reason):
    with pytest.raises(Malformed, match=reason):
        decode(payload)


@pytest.mark.parametrize(
    "message",
    [
        Telemetry(**HEAD, link="l", values=[np.float64(1.0)]),
        Telemetry(**HEAD, link="l", values=[math.inf]),
        Command(**HEAD, power_mw=[], setpoints=[Setpoint("l", "e", "pump_on", math.nan)]),
        Command(**HEAD, power_mw=[1.0, -math.inf], setpoints=[]),
        Telemetry(producer="p", seq=0, k=0, t_s=math.nan, link="l", values=[]),
        Truth(**HEAD, **(VECTORS | {"true": np.array([math.inf]).tobytes()})),
    ],
)
def test_a_producer_learns_of_what_cannot_be_sent(message):
    with pytest.raises(Malformed):
        encode(message)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_decoder(payload):
    with contextlib.suppress(Malformed):
        decode(payload)


@given(st.data())
def test_no_flipped_byte_breaks_the_decoder(data):
    payload = bytearray(encode(data.draw(st.sampled_from(ALL_KINDS))))
    at = data.draw(st.integers(0, len(payload) - 1))
    payload[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(Malformed):
        decode(bytes(payload))
