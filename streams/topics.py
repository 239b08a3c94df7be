"""Topic names; ``run`` is the run id and the arm joined by a dot."""

from __future__ import annotations

TELEMETRY = "telemetry"
VERDICTS = "verdicts"
ALARMS = "alarms"
DIRECTIVES = "directives"
COMMANDS = "commands"
TAPS = "taps"
INTERCEPT = "intercept"
MODEL = "model"
TRUTH = "truth"
DEAD_LETTER = "dead-letter"

ALL = (TELEMETRY, VERDICTS, ALARMS, DIRECTIVES, COMMANDS, TAPS, INTERCEPT, MODEL, TRUTH, DEAD_LETTER)


def full_name(run: str, topic: str) -> str:
    """Name on the broker, for example ``demo.defended.telemetry``."""
    return f"{run}.{topic}"
