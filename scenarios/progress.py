"""Progress of a run on stderr: one line per arm with rate and time left."""

from __future__ import annotations

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class _Rate(ProgressColumn):
    """Simulated hours done and how much faster than real time."""

    def __init__(self, exchange_s: float) -> None:
        super().__init__()
        self._exchange_s = exchange_s

    def render(self, task: Task) -> Text:
        hours = task.completed * self._exchange_s / 3600.0
        speed = task.finished_speed or task.speed
        rate = f"{speed * self._exchange_s:,.0f} x real time" if speed else ""
        return Text(f"{hours:5.2f} h {rate:>17}", no_wrap=True)


class RunProgress:
    """Context manager; on a terminal bars that move, elsewhere one line as each arm ends."""

    def __init__(self, arms: list[str], exchanges: int, exchange_s: float) -> None:
        self._exchanges = exchanges
        self._console = Console(file=sys.stderr)
        self._progress = Progress(
            TextColumn("{task.description:<11}"),
            BarColumn(bar_width=16),
            TaskProgressColumn(),
            _Rate(exchange_s),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {
            arm: self._progress.add_task(arm, total=exchanges, start=False) for arm in arms
        }

    def __enter__(self) -> RunProgress:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def update(self, arm: str, done: int) -> None:
        """``done`` exchanges of an arm are over."""
        task = self._tasks[arm]
        self._progress.start_task(task)
        self._progress.update(task, completed=done)

    def finish(self, arm: str) -> None:
        """An arm is over."""
        self.update(arm, self._exchanges)
        if self._progress.disable:
            print(f"{arm}: done", file=sys.stderr, flush=True)
