"""``breakwater train``."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from scenarios.commands.printing import print_json, print_table
from scenarios.training import load_training, train_model


def train_command(config: Path, out: Path, as_json: bool) -> None:
    """Train, then print what the held-out windows say of each member. Raises BadInput."""
    training = load_training(config)
    console = Console(file=sys.stderr)
    columns = (
        TextColumn("{task.description:<18}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        recording = progress.add_task("recording runs", total=None, note="")
        tasks = {}

        def on_data(done: int, total: int) -> None:
            progress.update(recording, completed=done, total=total, note=f"{done} of {total}")

        def on_step(member: str, kind: str, step: int, steps: int, loss: float) -> None:
            if (member, kind) not in tasks:
                tasks[member, kind] = progress.add_task(f"{member}, {kind}", total=steps, note="")
            progress.update(tasks[member, kind], completed=step, note=f"loss {loss:.4f}")

        model = train_model(training, out, on_data, on_step)
    members = {name: member.figures for name, member in model.spec.members.items()}
    if as_json:
        print_json({"model": str(model.folder), "hash": model.digest(), "members": members})
        return
    rows = [
        [name, key, f"{value:.6g}"] for name, figures in members.items() for key, value in figures.items()
    ]
    print_table(["member", "figure", "value"], rows, f"{model.folder}, hash {model.digest()[:16]}")
