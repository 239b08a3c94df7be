"""Messages to bytes and back: MessagePack maps, every field checked on the way in and on the way out.

msgspec checks types and names when decoding. What it does not check stands here: the schema version,
and that numbers are finite. NaN means "missing" and is allowed in the values of telemetry and intercept
messages, in a command's power_mw and inside the vectors of truth only; infinity is allowed nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf, isfinite
from typing import Any

import msgspec
import numpy as np

from streams.errors import BreakwaterError
from streams.messages import (
    SCHEMA_VERSION,
    AnyMessage,
    Command,
    Event,
    Intercept,
    Outcome,
    Tap,
    Telemetry,
    Truth,
    Verdict,
)


class Malformed(BreakwaterError):
    """A payload that is no message of this schema; the text is the reason."""


_FLOAT_BYTES = 8

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(AnyMessage)


def encode(message: AnyMessage) -> bytes:
    """MessagePack of one message. Equal messages give equal bytes.

    Raises Malformed where a number is not allowed or a field holds something that is not plain data
    (a NumPy scalar, for instance), so that a producer learns of it and not its readers.
    """
    _check(message)
    try:
        return _encoder.encode(message)
    except (TypeError, OverflowError) as error:
        raise Malformed(f"{type(message).__name__}: {error}") from None


def decode(payload: bytes) -> AnyMessage:
    """The message in a payload. Raises Malformed with the reason."""
    try:
        message: AnyMessage = _decoder.decode(payload)
    except msgspec.DecodeError as error:
        # Undecodable bytes, a missing or unknown field, a value of the wrong type.
        raise Malformed(str(error)) from None
    except UnicodeDecodeError as error:
        raise Malformed(f"text that is not UTF-8: {error.reason}") from None
    except RecursionError:
        raise Malformed("nested too deeply") from None
    except TypeError:
        # Kafka has records without a value.
        raise Malformed("no payload") from None
    _check(message)
    return message


def _check(message: AnyMessage) -> None:
    if message.schema != SCHEMA_VERSION:
        raise Malformed(f"schema {message.schema} is not allowed; allowed: {SCHEMA_VERSION}")
    if message.k < 0 or message.seq < 0:
        raise Malformed(f"k = {message.k}, seq = {message.seq}: allowed is 0 or more")
    if not isfinite(message.t_s):
        raise Malformed(f"t_s = {message.t_s}: allowed is a finite number of seconds")
    if type(message) is Telemetry or type(message) is Intercept:
        _check_values("values", message.values)
    elif type(message) is Truth:
        _check_vectors(message)
    elif floats_of := _FLOATS_OF.get(type(message)):
        for field, value in floats_of(message):
            if value is not None and not isfinite(value):
                raise Malformed(f"{field} = {value}: allowed is a finite number")


def _check_values(field: str, values: list[float]) -> None:
    if inf in values or -inf in values:
        raise Malformed(f"{field}: infinity is not allowed; allowed: finite numbers and NaN for missing")


def _check_vectors(message: Truth) -> None:
    vectors = (message.true, message.measured, message.received, message.links, message.loading)
    if any(len(vector) % _FLOAT_BYTES for vector in vectors):
        raise Malformed(f"vectors: allowed are float64 values of {_FLOAT_BYTES} bytes each")
    # All at once: five small arrays would cost five times as much.
    if np.isinf(np.frombuffer(b"".join(vectors), dtype="<f8")).any():
        raise Malformed("vectors: infinity is not allowed; allowed: finite numbers and NaN for missing")


def _verdict(message: Verdict) -> Iterable[tuple[str, float | None]]:
    if message.margin is not None and message.margin < 0.0:
        raise Malformed(f"margin = {message.margin}: allowed is 0 or more")
    return ("score", message.score), ("margin", message.margin)


def _tap(message: Tap) -> Iterable[tuple[str, float | None]]:
    return [("start_s", message.start_s), ("end_s", message.end_s), *(("values", v) for v in message.values)]


def _command(message: Command) -> Iterable[tuple[str, float | None]]:
    _check_values("power_mw", message.power_mw)
    return [(f"setpoint of {s.element}", s.value) for s in message.setpoints if not isfinite(s.value)]


def _event(message: Event) -> Iterable[tuple[str, float | None]]:
    return (("value", message.value),)


def _outcome(message: Outcome) -> Iterable[tuple[str, float | None]]:
    return [*message.figures.items(), *message.shed_mw_by_cause.items()]


_FLOATS_OF: dict[type, Callable[[Any], Iterable[tuple[str, float | None]]]] = {
    Verdict: _verdict,
    Tap: _tap,
    Command: _command,
    Event: _event,
    Outcome: _outcome,
}
