"""From the record of an arm to its physical outcome. Every definition with its formula: docs/outcomes.md."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq

from scenarios.arms import Arm
from streams.messages import Outcome

OUTCOMES = (
    "energy_not_served_mwh",
    "peak_load_shed_mw",
    "shed_mw_by_cause",
    "lines_tripped",
    "generators_tripped",
    "min_frequency_hz",
    "water_not_delivered_m3",
    "low_pressure_node_hours",
    "tank_overflow_m3",
    "contaminant_consumed_g",
    "plant_derated_mwh",
    "safe_mode_hours",
)
COUNTS = ("lines_tripped", "generators_tripped")
SHED_CAUSES = ("ufls", "uvls", "voltage_collapse", "island", "planned")


class HarmAverted(msgspec.Struct, frozen=True):
    """Undefended minus defended; None unless both arms ran."""

    energy_mwh: float | None = None
    water_m3: float | None = None
    share_of_oracle: float | None = None


def outcome_of(folder: Path, arm: Arm) -> dict[str, Any]:
    """The ``outcome`` block of one arm; all None where the arm did not reach its end."""
    path = folder / "outcome.json"
    final = msgspec.json.decode(path.read_bytes(), type=Outcome) if path.is_file() else None
    if final is None or not final.complete:
        return dict.fromkeys(OUTCOMES) | {"shed_mw_by_cause": dict.fromkeys(SHED_CAUSES)}
    figures: dict[str, Any] = {name: final.figures.get(name) for name in OUTCOMES}
    figures |= {name: round(figures[name]) for name in COUNTS if figures[name] is not None}
    figures["shed_mw_by_cause"] = {cause: final.shed_mw_by_cause.get(cause) for cause in SHED_CAUSES}
    if arm.defended:
        figures["safe_mode_hours"] = safe_mode_hours(read_rows(folder / "events.parquet"), final.t_s)
    return figures


def harm_averted(outcomes: dict[str, dict[str, Any]]) -> HarmAverted:
    """Undefended minus defended of the outcome blocks by arm name."""
    undefended, defended = outcomes.get("undefended"), outcomes.get("defended")
    if undefended is None or defended is None:
        return HarmAverted()

    def averted(figure: str) -> float | None:
        without, with_ = undefended[figure], defended[figure]
        return None if without is None or with_ is None else float(without - with_)

    return HarmAverted(averted("energy_not_served_mwh"), averted("water_not_delivered_m3"))


def safe_mode_hours(events: Iterable[dict[str, Any]], end_s: float) -> float:
    """Hours in safe modes, each mode counted by itself."""
    since: dict[str, float] = {}
    total_s = 0.0
    for event in events:
        if event["kind"] == "safe_mode_in":
            since.setdefault(event["element"], event["t_s"])
        elif event["kind"] == "safe_mode_out" and event["element"] in since:
            total_s += event["t_s"] - since.pop(event["element"])
    total_s += sum(end_s - start_s for start_s in since.values())
    return total_s / 3600.0


def read_rows(path: Path) -> list[dict[str, Any]]:
    """A small table of a run folder as dictionaries, in time order."""
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return sorted(rows, key=lambda row: float(row["t_s"]))
