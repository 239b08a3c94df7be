"""Figures of the physics: frequency, line loading, tank levels, tampered tags. Plain Plotly dictionaries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scenarios.report.run_data import ArmData, RunData
from scenarios.report.series import thin
from scenarios.report.style import AMBER, ARM_LINES, DARK, INK, LIGHT, MID, RED, layout, level, line
from streams.plant_model import Tag

Floats = NDArray[np.float64]

TOP_LINES = 6
TOP_TAGS = 2
TAMPERED_SHARE = 1e-6
"""Received and measured differ by more than this share of a tag's range only where somebody made them."""


class Figure(NamedTuple):
    """One Plotly figure with its title above and the sentence under it. name: unique in the report."""

    name: str
    title: str
    caption: str
    data: list[dict[str, Any]]
    layout: dict[str, Any]


def same_scale(row: list[Figure]) -> list[Figure]:
    """The same figures with one y axis, so that arms beside each other can be compared by eye."""
    values = [y for figure in row for trace in figure.data for y in trace["y"] if y is not None]
    if not values:
        return row
    values += [shape["y0"] for figure in row for shape in figure.layout.get("shapes", ())]
    low, high = min(values), max(values)
    spare = 0.06 * (high - low) or 1.0
    axis = {"range": [low - spare, high + spare]}
    return [
        figure._replace(layout={**figure.layout, "yaxis": {**figure.layout["yaxis"], **axis}})
        for figure in row
    ]


def frequency(run: RunData) -> Figure | None:
    """Lowest true frequency of any live unit, every arm."""
    tags = [unit.frequency_tag for unit in run.plant_model.units if unit.frequency_tag]
    if not tags:
        return None
    data = []
    for name, arm in run.arms.items():
        values = np.stack(arm.columns("truth", tags))
        live = np.where(values > 1.0, values, np.nan)
        # A scan in which every unit is lost has no frequency: a gap.
        lowest = np.where(np.isnan(live).all(axis=0), np.nan, np.fmin.reduce(live, axis=0))
        data.append(line(*thin(arm.hours, lowest), name, **ARM_LINES[name]))
    nominal = run.plant_model.nominal_frequency_hz
    shape, note = level(nominal, f"nominal {nominal:g} Hz", LIGHT)
    caption = "Lowest true frequency of any unit that is connected. Islands have frequencies of their own."
    return Figure("frequency", "all arms", caption, data, layout("Hz", shapes=[shape], annotations=[note]))


def line_loading(run: RunData, arm: ArmData) -> Figure | None:
    """True loading of the most loaded lines; those that tripped in red."""
    names = arm.names("loading")
    if not names:
        return None
    values = arm.columns("loading", names)
    peaks = [float(np.nanmax(v)) if np.isfinite(v).any() else 0.0 for v in values]
    tripped = {e["element"] for e in arm.events if e["kind"] == "line_trip"}
    ranked = sorted(range(len(names)), key=lambda i: (names[i] not in tripped, -peaks[i]))
    top = [i for i in ranked if names[i] in tripped][:TOP_LINES]
    top += [i for i in ranked if names[i] not in tripped][: max(2, TOP_LINES - len(top))]
    data = []
    for i in reversed(top):
        gone = names[i] in tripped
        colour, label = (RED, f"{names[i]} (tripped)") if gone else (MID, names[i])
        data.append(line(*thin(arm.hours, 100.0 * values[i]), label, color=colour, width=1.2))
    shape, note = level(100.0, "rating", DARK)
    caption = (
        "True current in % of rating: lines that tripped first, then the most loaded ones. Redispatch never "
        "sees these values, only received ones."
    )
    figure = layout("% of rating", 330, shapes=[shape], annotations=[note])
    return Figure(f"loading-{arm.name}", arm.name, caption, data, figure)


def tank_levels(run: RunData, arm: ArmData) -> list[Figure]:
    """Every tank: true level, what SCADA received, what pump controllers received."""
    figures = []
    for tank in run.plant_model.tanks:
        (true,), (received,) = (
            arm.columns("truth", [tank.level_tag]),
            arm.columns("telemetry", [tank.level_tag]),
        )
        data = [
            line(*thin(arm.hours, true), "true", color=INK, width=1.8),
            line(*thin(arm.hours, received), "received by SCADA", color=AMBER, width=1.2),
        ]
        carried = [c for c in arm.names("links") if c.endswith(f"/{tank.level_tag}")]
        for column in carried[:1]:
            told = arm.columns("links", [column])[0]
            trace = line(*thin(arm.hours, told), "received by pump controllers", color=RED, width=1.2)
            data.append({**trace, "line": {**trace["line"], "dash": "dot"}})
        limits = [level(tank.level_min_m, "empty", MID), level(tank.level_max_m, "full", MID)]
        caption = "Where the lines part, somebody is told a lie."
        figure = layout("m", shapes=[s for s, _ in limits], annotations=[n for _, n in limits])
        figures.append(
            Figure(f"tank-{tank.name}-{arm.name}", f"{arm.name}: tank {tank.name}", caption, data, figure)
        )
    return figures


def most_tampered(run: RunData) -> list[Tag]:
    """Loads, then other values, that were moved furthest in shares of range, in the first arm attacked."""
    arm = next((run.arms[name] for name in ("undefended", "defended") if name in run.arms), None)
    levels = {tank.level_tag for tank in run.plant_model.tanks}
    tags = [tag for tag in run.plant_model.tags if tag.name not in levels and tag.high > tag.low]
    if arm is None or not tags:
        return []
    names = [tag.name for tag in tags]
    measured, received = np.stack(arm.columns("measured", names)), np.stack(arm.columns("telemetry", names))
    span = np.array([tag.high - tag.low for tag in tags])
    moved = np.nan_to_num(np.abs(received - measured)).max(axis=1) / span
    order = [i for i in np.argsort(-moved, kind="stable") if moved[i] > TAMPERED_SHARE]
    loads = {bus.load_tag for bus in run.plant_model.buses}
    shown = [i for i in order if names[i] in loads][:TOP_TAGS]
    return [tags[i] for i in shown + [i for i in order if names[i] not in loads][:TOP_TAGS]]


def true_against_received(arm: ArmData, tags: Iterable[Tag]) -> list[Figure]:
    """One figure per tag; the received value is coloured only where it was tampered with."""
    figures = []
    for tag in tags:
        (true,), (measured,), (received,) = (
            arm.columns(table, [tag.name]) for table in ("truth", "measured", "telemetry")
        )
        tampered = np.abs(received - measured) > TAMPERED_SHARE * (tag.high - tag.low)
        data = [
            line(*thin(arm.hours, received), "received", color=LIGHT, width=1),
            line(
                *thin(arm.hours, np.where(tampered, received, np.nan)),
                "received, falsified",
                color=RED,
                width=1.2,
            ),
            line(*thin(arm.hours, true), "true", color=INK, width=1.6),
        ]
        caption = f"Over link {tag.link}, range {tag.low:g} to {tag.high:g} {tag.unit}."
        figures.append(
            Figure(
                f"tag-{arm.name}-{tag.name}", f"{arm.name}: {tag.name}", caption, data, layout(tag.unit, 230)
            )
        )
    return figures
