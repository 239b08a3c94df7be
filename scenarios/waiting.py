"""Progress of one long computation on stderr, from the second second on."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType

QUIET_S, ON_TERMINAL_S, ELSEWHERE_S = 2.0, 1.0, 10.0


class Waiting:
    """Context manager; on a terminal one line that counts on, elsewhere a line every ten seconds."""

    def __init__(self, what: str, limit_s: float) -> None:
        self._what, self._limit_s, self._where = what, limit_s, ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tell, daemon=True)

    def __enter__(self) -> Waiting:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def at(self, where: str) -> None:
        """What is being done now."""
        self._where = where

    def _tell(self) -> None:
        terminal, started = sys.stderr.isatty(), time.perf_counter()
        start, end = ("\r\033[K", "") if terminal else ("", "\n")
        told = False
        while not self._over.wait(QUIET_S if not told else ON_TERMINAL_S if terminal else ELSEWHERE_S):
            told = True
            spent = f"{time.perf_counter() - started:.0f} s of at most {self._limit_s:g} s"
            parts = [self._what, *([self._where] if self._where else []), spent]
            print(f"{start}{': '.join(parts)}", end=end, file=sys.stderr, flush=True)
        if told and terminal:
            print(start, end="", file=sys.stderr, flush=True)
