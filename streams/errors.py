"""Errors that a user can mend.

BreakwaterError
├── BadInput        a file, field or value that is not allowed (exit 2)
└── RunFailed       a run that had to stop: a participant died, the broker went away (exit 1)
"""


class BreakwaterError(Exception):
    """Base of every error Breakwater raises on purpose; its text is one sentence for a person."""


class BadInput(BreakwaterError):
    """Input outside what is allowed. The sentence names where, the value and what is allowed."""

    def __init__(self, where: str, value: object, allowed: str) -> None:
        self.where, self.value, self.allowed = where, value, allowed
        # All three are kept as args: SimPy and pickle build an exception anew from them.
        super().__init__(where, value, allowed)

    def __str__(self) -> str:
        return f"{self.where}: {self.value!r} is not allowed; allowed: {self.allowed}"


class RunFailed(BreakwaterError):
    """A run that could not go on; what was recorded so far stays readable."""
