"""Plant model of IEEE 118 from pypower and the shipped facts tables, as the twin publishes it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from pypower.case118 import case118

from streams.plant_model import Branch, Bus, Link, PlantModel, Tag, Tank, Unit

DATA = Path(__file__).parents[2] / "simulator" / "grid" / "cases" / "data"
N_PROTECTED = 28
RAISED = {(15, 17): 207.0, (16, 17): 162.0, (42, 49): 111.0, (69, 75): 150.0}


def ratings() -> list[float]:
    with (DATA / "case118_ratings.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    return [RAISED.get((int(r["from_bus"]), int(r["to_bus"])), float(r["rate_mva"])) for r in rows]


def units() -> list[tuple[int, float, float]]:
    with (DATA / "case118_units.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    return [
        (int(r["bus"]), float(r["p_max_mw"]), float(r["cost_per_mwh"]))
        for r in rows
        if float(r["p_max_mw"]) > 0
    ]


def plant_model(loading: np.ndarray | None = None, wrong: float = 0.015, seed: int = 7) -> PlantModel:
    """The operator's model: parameters off by ``wrong``; the 28 branches of highest ``loading`` are
    protected."""
    case = case118()
    rng = np.random.default_rng(seed)
    rating = ratings()
    branch = case["branch"]
    if loading is None:
        loading = np.arange(len(branch), dtype=float)
    best = set(np.argsort(-loading, kind="stable")[:N_PROTECTED].tolist())
    tags: list[Tag] = []

    def add(
        name: str, unit: str, low: float, high: float, protected: bool = False, period: float = 4.0
    ) -> str:
        station = name.split("/")[0]
        tags.append(Tag(name, station, f"{station}>SCADA", unit, low, high, protected, period))
        return name

    buses = []
    for row in case["bus"]:
        number, load = int(row[0]), float(row[2])
        tag = add(f"S{number}/load_mw", "MW", 0.0, 1.5 * load) if load > 0 else ""
        volt = add(f"S{number}/voltage_pu", "pu", 0.0, 1.5)
        buses.append(Bus(str(number), f"S{number}", float(row[9]), load, tag, volt))
    made = []
    for bus, p_max, cost in units():
        tag = add(f"S{bus}/G{bus}_mw", "MW", 0.0, p_max)
        made.append(Unit(f"G{bus}", str(bus), 0.0, p_max, 10.0, cost, 0.0, tag, "", f"CONTROL>S{bus}"))
    lines = []
    for i, row in enumerate(branch):
        a, b = int(row[0]), int(row[1])
        circuit = sum(1 for q in branch[:i] if (int(q[0]), int(q[1])) == (a, b))
        name = f"line{a}-{b}" + (f"c{circuit + 1}" if circuit else "")
        station = "PDC" if i in best else f"S{a}"
        flow = add(f"{station}/{name}_mw", "MW", -rating[i], rating[i], i in best)
        status = add(f"S{a}/{name}_closed", "1", 0.0, 1.0)
        r, x = row[2] * (1 + wrong * rng.standard_normal()), row[3] * (1 + wrong * rng.standard_normal())
        lines.append(
            Branch(
                name,
                str(a),
                str(b),
                float(r),
                float(x),
                float(row[8]) or 1.0,
                float(row[9]),
                rating[i],
                flow,
                status,
            )
        )
    tanks = []
    for name, area, high in (("T1", 700.0, 6.5), ("T2", 320.0, 5.9), ("T3", 170.0, 6.75)):
        level = add(f"RTU-{name}/level_m", "m", 0.0, high, False, 60.0)
        inflow = add(f"FM-{name}/inflow_m3h", "m3/h", -400.0, 400.0, True, 60.0)
        tanks.append(
            Tank(name, f"RTU-{name}", area * (1 + wrong * rng.standard_normal()), 0.0, high, level, inflow)
        )
    stations = dict.fromkeys((t.station, t.link, t.protected) for t in tags)
    links = tuple(Link(link, station, "SCADA", prot) for station, link, prot in stations)
    return PlantModel(
        schema=1, grid="ieee118", water="three tanks", scan_s=4.0, exchange_s=4.0, base_mva=100.0,
        nominal_frequency_hz=60.0, reference_bus="69", tags=tuple(tags), links=links, link_tags=(),
        buses=tuple(buses), branches=tuple(lines), units=tuple(made), tanks=tuple(tanks), pumps=(),
        emergency_factor=1.15, security="n-1",
    )  # fmt: skip
