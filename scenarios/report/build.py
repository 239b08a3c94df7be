"""From a run folder to ``report.html``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from jinja2 import Environment, PackageLoader

from scenarios.report import detection_figures, figures, tables
from scenarios.report.figures import Figure
from scenarios.report.run_data import RunData, open_run
from scenarios.run_folder import REPORT, write_text

ATTACKED = ("undefended", "defended")


class Section(NamedTuple):
    """A heading, a sentence, and rows of figures side by side."""

    title: str
    text: str
    rows: list[list[Figure]]


def build_report(folder: Path) -> Path:
    """Write the report of a run folder and return its path. Raises BadInput for a folder that is no run."""
    run = open_run(folder)
    sections = [section for section in _sections(run) if section.rows]
    environment = Environment(loader=PackageLoader("scenarios.report", "templates"), autoescape=True)
    drawn = [figure for section in sections for row in section.rows for figure in row]
    html = environment.get_template("report.html.j2").render(
        run=run,
        sections=sections,
        ids={figure.name: f"f{i}" for i, figure in enumerate(drawn)},
        tables=tables,
        figures_json=_json([{"data": figure.data, "layout": figure.layout} for figure in drawn]),
        plotly=_plotly_source(),
    )
    path = folder / REPORT
    write_text(path, html)
    return path


def _sections(run: RunData) -> list[Section]:
    tags = figures.most_tampered(run)
    attacked = [run.arms[name] for name in ATTACKED if name in run.arms]
    defended = [run.arms[name] for name in ("defended", "nuisance") if name in run.arms]
    return [
        Section(
            "What happened",
            "Every event of the arms, in simulated time. Point at a mark to read it.",
            _stacked(detection_figures.timeline(arm) for arm in run.arms.values()),
        ),
        Section(
            "Detector verdicts",
            "Certified normal means stable, not “no attack”: a stable window cannot be pushed into alarm, "
            "and an attack outside what windows show stays unseen.",
            _stacked(detection_figures.verdict_strip(arm) for arm in defended),
        ),
        Section(
            "True against received values",
            "The tags that were moved furthest, in shares of their range. The control centre sees the "
            "received value only; the true one is what flows.",
            _paired(figures.true_against_received(arm, tags) for arm in attacked),
        ),
        Section("Frequency", "", _stacked([figures.frequency(run)])),
        Section(
            "Line loading",
            "",
            [
                figures.same_scale(row)
                for row in _side_by_side(figures.line_loading(run, arm) for arm in attacked)
            ],
        ),
        Section(
            "Tank levels",
            "",
            _paired(figures.tank_levels(run, arm) for arm in attacked),
        ),
        Section(
            "Certificates against eps",
            "Two numbers that are not the same: the eps of an attack is how far it may move a value; the eps "
            "of a certificate is how much more movement on top of what a window shows could neither hide an "
            "alarm nor raise one.",
            _side_by_side(detection_figures.against_eps(run)),
        ),
    ]


def _stacked(drawn: Iterable[Figure | None]) -> list[list[Figure]]:
    return [[figure] for figure in drawn if figure is not None]


def _side_by_side(drawn: Iterable[Figure | None]) -> list[list[Figure]]:
    row = [figure for figure in drawn if figure is not None]
    return [row] if row else []


def _paired(per_arm: Iterable[list[Figure]]) -> list[list[Figure]]:
    """The arms' lists of figures, turned into one row per figure on one scale."""
    return [figures.same_scale(list(row)) for row in zip(*per_arm, strict=True)]


def _json(content: Any) -> str:
    """JSON that may stand inside a script element."""
    return msgspec.json.encode(content).decode().replace("</", "<\\/")


def _plotly_source() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())
