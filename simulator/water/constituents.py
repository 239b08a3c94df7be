"""What water can carry, and how EPANET is told to follow it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from epanet import toolkit as en

from simulator.settings import WaterSettings
from simulator.water.layout import Layout
from streams.errors import BadInput

Constituent = Literal["chlorine", "age", "trace", "contaminant"]
UNITS: dict[Constituent, str] = {"chlorine": "mg/L", "age": "h", "trace": "%", "contaminant": "mg/L"}


class QualityPlan(NamedTuple):
    """What is followed. trace_node: whose share is traced. Of chlorine, the INP's own where None:

    source_mg_l: concentration of every reservoir, and everywhere at the start; bulk_decay_per_day:
    first-order decay in pipes and tanks; wall_decay_m_per_day: the same at pipe walls. All at least 0.
    """

    constituent: Constituent
    trace_node: str = ""
    source_mg_l: float | None = None
    bulk_decay_per_day: float | None = None
    wall_decay_m_per_day: float | None = None


def quality_plan(settings: WaterSettings) -> QualityPlan | None:
    """What a scenario asks for, None for nothing. Raises BadInput for what does not belong together."""
    if settings.quality != "trace" and settings.trace_node:
        raise BadInput("water.trace_node", settings.trace_node, 'empty, unless water.quality is "trace"')
    chlorine = {
        name: getattr(settings, f"chlorine_{name}")
        for name in ("source_mg_l", "bulk_decay_per_day", "wall_decay_m_per_day")
    }
    for name, value in chlorine.items():
        if settings.quality != "chlorine" and value is not None:
            raise BadInput(f"water.chlorine_{name}", value, 'nothing, unless water.quality is "chlorine"')
    if settings.quality == "none":
        return None
    return QualityPlan(settings.quality, settings.trace_node, **chlorine)


def configure(project: Any, layout: Layout, plan: QualityPlan) -> None:
    """Set the constituent of a project whose quality solver is not open yet. Raises BadInput."""
    _CONFIGURE[plan.constituent](project, layout, plan)


def _age(project: Any, layout: Layout, plan: QualityPlan) -> None:
    en.setqualtype(project, en.AGE, "age", "h", "")
    _start_at(project, layout, 0.0)


def _trace(project: Any, layout: Layout, plan: QualityPlan) -> None:
    if plan.trace_node not in layout.node_names:
        raise BadInput("water.trace_node", plan.trace_node, f"a node of {layout.path.name}")
    en.setqualtype(project, en.TRACE, "trace", "%", plan.trace_node)


def _chlorine(project: Any, layout: Layout, plan: QualityPlan) -> None:
    known = en.getqualtype(project)[0] == en.CHEM and _carries_chemical(project, layout)
    if not known and plan.source_mg_l is None:
        allowed = f"at least 0 mg/L, because {layout.path.name} gives no concentrations of its own"
        raise BadInput("water.chlorine_source_mg_l", None, allowed)
    # An INP's concentrations are in its own unit; named as mg/L they stay the numbers they are.
    en.setqualtype(project, en.CHEM, "Chlorine", "mg/L", "")
    if plan.source_mg_l is not None:
        _start_at(project, layout, plan.source_mg_l)
    if plan.bulk_decay_per_day is not None:
        _bulk_decay(project, layout, plan.bulk_decay_per_day)
    if plan.wall_decay_m_per_day is not None:
        _wall_decay(project, layout, plan.wall_decay_m_per_day)


def _contaminant(project: Any, layout: Layout, plan: QualityPlan) -> None:
    en.setqualtype(project, en.CHEM, "Contaminant", "mg/L", "")
    _start_at(project, layout, 0.0)
    for node in range(1, len(layout.node_names) + 1):
        # Sources are made before the start: EPANET clears the mass of those only that it finds then.
        en.setnodevalue(project, node, en.SOURCETYPE, en.MASS)
        en.setnodevalue(project, node, en.SOURCEPAT, 0)
        en.setnodevalue(project, node, en.SOURCEQUAL, 0.0)
    _bulk_decay(project, layout, 0.0)
    _wall_decay(project, layout, 0.0)


_CONFIGURE: dict[Constituent, Callable[[Any, Layout, QualityPlan], None]] = {
    "chlorine": _chlorine,
    "age": _age,
    "trace": _trace,
    "contaminant": _contaminant,
}


def _carries_chemical(project: Any, layout: Layout) -> bool:
    return any(
        en.getnodevalue(project, node, en.INITQUAL) > 0.0 or _has_source(project, node)
        for node in range(1, len(layout.node_names) + 1)
    )


def _has_source(project: Any, node: int) -> bool:
    try:
        en.getnodevalue(project, node, en.SOURCEQUAL)
    except Exception:
        # EPANET's error 240, "nonexistent source", comes as a bare Exception.
        return False
    return True


def _start_at(project: Any, layout: Layout, value: float) -> None:
    for node in range(1, len(layout.node_names) + 1):
        en.setnodevalue(project, node, en.INITQUAL, value)


def _bulk_decay(project: Any, layout: Layout, per_day: float) -> None:
    en.setoption(project, en.BULKORDER, 1.0)
    en.setoption(project, en.TANKORDER, 1.0)
    for link in _pipes(project, layout):
        en.setlinkvalue(project, link, en.KBULK, -per_day)
    for node in layout.tank_nodes.tolist():
        en.setnodevalue(project, node + 1, en.TANK_KBULK, -per_day)


def _wall_decay(project: Any, layout: Layout, m_per_day: float) -> None:
    en.setoption(project, en.WALLORDER, 1.0)
    for link in _pipes(project, layout):
        en.setlinkvalue(project, link, en.KWALL, -m_per_day / layout.length_to_m)


def _pipes(project: Any, layout: Layout) -> list[int]:
    kinds = (en.PIPE, en.CVPIPE)
    return [i for i in range(1, len(layout.link_names) + 1) if en.getlinktype(project, i) in kinds]
