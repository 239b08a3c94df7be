"""Gapless message numbers per producer and topic."""

from __future__ import annotations

from collections import defaultdict


class Sequencer:
    """``next(topic, producer)`` counts 0, 1, 2, ... separately for each pair."""

    def __init__(self) -> None:
        self._next: dict[tuple[str, str], int] = defaultdict(int)

    def next(self, topic: str, producer: str) -> int:
        """Number for the message about to be written."""
        number = self._next[topic, producer]
        self._next[topic, producer] = number + 1
        return number
