"""pandapower networks as MATPOWER's matrices; the bus of number i keeps its number."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from simulator.grid.cases import columns as col
from simulator.grid.cases import pandapower_branches as branches
from simulator.grid.cases.pandapower_injections import add_injections, units
from simulator.grid.cases.pandapower_json import Document, read_document
from simulator.grid.cases.tables import Floats, Index, Tables
from streams.errors import BadInput

NOT_REPRESENTED = {
    "xward": "extended ward equivalents",
    "motor": "motors",
    "asymmetric_load": "asymmetric loads",
    "asymmetric_sgen": "asymmetric generation",
    "svc": "static var compensators",
    "ssc": "static synchronous compensators",
    "tcsc": "controlled series compensators",
    "vsc": "converters",
    "vsc_stacked": "converters",
    "vsc_bipolar": "converters",
    "bus_dc": "DC buses",
    "line_dc": "DC lines of a DC grid",
    "source_dc": "DC sources",
    "load_dc": "DC loads",
}


def read_pandapower_file(path: Path) -> Tables:
    """Read a file of pandapower's ``to_json``. Raises BadInput that names file, table, element and value."""
    document = read_document(path)
    for name, meaning in NOT_REPRESENTED.items():
        frame = document.frame(name)
        frame.refuse(
            "in_service", ["True"] * len(frame), frame.flags("in_service"), f"no {meaning} in service"
        )
    base = _base(document)
    star = _star_buses(document)
    parts = (branches.lines, branches.transformers, branches.impedances)
    table = branches.join(
        [*(read(document, base) for read in parts), branches.three_winding(document, base, star)]
    )
    merged = _merged_buses(document)
    bus = _bus_matrix(document, star, merged)
    branch = _branch_matrix(table, merged, bus, base.mva)
    add_injections(document, bus, merged)
    gen, gencost, notes = units(document, bus, merged)
    return Tables(
        source=document.source,
        name=path.stem,
        base_mva=base.mva,
        bus=bus,
        gen=gen,
        branch=branch,
        gencost=gencost,
        dcline=_dc_lines(document, merged),
        nominal_hz=base.hz,
        notes=(*_notes(document), *notes),
    )


def _base(document: Document) -> branches.Base:
    frame = document.frame("bus")
    kv = frame.required("vn_kv")
    frame.refuse("vn_kv", kv, kv <= 0.0, "above 0 kV")
    values = {}
    for name, default in (("sn_mva", 1.0), ("f_hz", 50.0)):
        value = document.values.get(name, default)
        if not isinstance(value, int | float) or not (np.isfinite(value) and value > 0.0):
            raise BadInput(f"{document.source} {name}", value, "a finite number above 0")
        values[name] = float(value)
    by_bus = dict(zip(frame.index.tolist(), kv.tolist(), strict=True))
    three = document.frame("trafo3w")
    _refuse_unknown_buses(document, set(by_bus))
    for star, at in zip(_star_buses(document).tolist(), three.numbers("hv_bus").tolist(), strict=True):
        by_bus[star] = by_bus[at]
    return branches.Base(values["sn_mva"], values["f_hz"], by_bus)


BUS_COLUMNS = {
    "line": ("from_bus", "to_bus"),
    "impedance": ("from_bus", "to_bus"),
    "dcline": ("from_bus", "to_bus"),
    "trafo": ("hv_bus", "lv_bus"),
    "trafo3w": ("hv_bus", "mv_bus", "lv_bus"),
    **dict.fromkeys(("load", "sgen", "storage", "gen", "ext_grid", "shunt", "ward", "switch"), ("bus",)),
}


def _refuse_unknown_buses(document: Document, known: set[int]) -> None:
    for name, names in BUS_COLUMNS.items():
        frame = document.frame(name)
        for column in names:
            found = frame.numbers(column)
            unknown = np.array([bus not in known for bus in found.tolist()], dtype=np.bool_)
            frame.refuse(column, found.tolist(), unknown, "the number of a bus")


def _star_buses(document: Document) -> Index:
    """Numbers for the star points of three-winding transformers, after those of the buses."""
    first = int(document.frame("bus").index.max(initial=-1)) + 1
    return first + np.arange(len(document.frame("trafo3w")), dtype=np.int64)


def _merged_buses(document: Document) -> dict[int, int]:
    """Bus number -> number of the bus it is one with over closed bus-bus switches, the smallest of them."""
    frame, bus = document.frame("switch"), document.frame("bus")
    live = dict(zip(bus.index.tolist(), bus.flags("in_service").tolist(), strict=True))
    root = {number: number for number in live}

    def find(number: int) -> int:
        while root[number] != number:
            root[number] = root[root[number]]
            number = root[number]
        return number

    between = np.array([kind == "b" for kind in frame.texts("et")], dtype=np.bool_) & frame.flags("closed")
    resistive = between & (frame.floats("z_ohm", 0.0) > 0.0)
    frame.refuse("z_ohm", frame.floats("z_ohm", 0.0), resistive, "0 for closed switches between buses")
    pairs = zip(frame.numbers("bus")[between], frame.numbers("element")[between], strict=True)
    for a, b in pairs:
        if live[int(a)] and live.get(int(b), False):
            one, other = find(int(a)), find(int(b))
            root[max(one, other)] = min(one, other)
    return {number: find(number) for number in root}


def _bus_matrix(document: Document, star: Index, merged: dict[int, int]) -> Floats:
    frame, three, result = document.frame("bus"), document.frame("trafo3w"), document.frame("res_bus")
    number = np.concatenate([frame.index, star])
    bus = np.zeros((len(number), 13))
    bus[:, col.BUS_I], bus[:, col.BUS_TYPE], bus[:, col.BUS_AREA] = number, col.LOAD, 1.0
    bus[:, col.VM], bus[:, 11], bus[:, 12] = 1.0, 1.1, 0.9
    kv = dict(zip(frame.index.tolist(), frame.required("vn_kv").tolist(), strict=True))
    bus[:, col.BASE_KV] = [*kv.values(), *(kv[b] for b in three.numbers("hv_bus").tolist())]
    live = np.concatenate([frame.flags("in_service"), three.flags("in_service")])
    bus[~live, col.BUS_TYPE] = col.ISOLATED
    if np.array_equal(result.index, frame.index):
        bus[: len(frame), col.VM] = result.floats("vm_pu", 1.0)
        bus[: len(frame), col.VA] = result.floats("va_degree", 0.0)
    own = np.array([merged.get(int(n), int(n)) == n for n in number], dtype=np.bool_)
    return bus[own]


def _branch_matrix(table: branches.Branches, merged: dict[int, int], bus: Floats, base_mva: float) -> Floats:
    """Pi-equivalents with equal susceptance in both halves; conductance, the rest, and what a branch open at
    one end draws go to the shunts of ``bus``."""
    start, end = (np.array([merged.get(int(n), int(n)) for n in ends]) for ends in (table.start, table.end))
    branch = np.zeros((len(start), 13))
    branch[:, col.F_BUS], branch[:, col.T_BUS] = start, end
    branch[:, col.BR_R], branch[:, col.BR_X] = table.z.real, table.z.imag
    branch[:, col.BR_B] = table.y_start.imag + table.y_end.imag
    branch[:, col.RATE_A] = table.rating_mva
    plain = (table.ratio == 1.0) & (table.shift_deg == 0.0)
    branch[:, col.TAP] = np.where(plain, 0.0, table.ratio)
    on = table.start_on & table.end_on
    branch[:, col.SHIFT], branch[:, col.BR_STATUS] = table.shift_deg, on
    half = 0.5j * branch[:, col.BR_B]
    rest = (table.y_start - half) / np.square(table.ratio), table.y_end - half
    hanging = table.hanging_admittance()
    row = {int(n): i for i, n in enumerate(bus[:, col.BUS_I])}
    for ends, y in (
        (start, np.where(on, rest[0], np.where(table.start_on, hanging[0], 0.0))),
        (end, np.where(on, rest[1], np.where(table.end_on, hanging[1], 0.0))),
    ):
        at = [row[int(n)] for n in ends]
        np.add.at(bus[:, col.GS], at, y.real * base_mva)
        np.add.at(bus[:, col.BS], at, y.imag * base_mva)
    return np.asarray(branch[start != end])


def _dc_lines(document: Document, merged: dict[int, int]) -> Floats:
    frame = document.frame("dcline")
    line = np.zeros((len(frame), 17))
    sent = frame.required("p_mw")
    for column, name in ((col.DC_F_BUS, "from_bus"), (col.DC_T_BUS, "to_bus")):
        line[:, column] = [merged[number] for number in frame.numbers(name).tolist()]
    line[:, col.DC_STATUS], line[:, col.DC_PF] = frame.flags("in_service"), sent
    line[:, col.DC_PT] = (sent - frame.floats("loss_mw", 0.0)) * (
        1.0 - frame.floats("loss_percent", 0.0) / 100.0
    )
    return line


def _notes(document: Document) -> tuple[str, ...]:
    notes = []
    load = document.frame("load")
    varying = [
        name for name in load.columns if name.startswith("const_") and (load.floats(name, 0.0) != 0.0).any()
    ]
    if varying:
        notes.append(
            f"Voltage dependence of loads is left out, all draw constant power ({', '.join(varying)})."
        )
    sources = len(document.frame("sgen")) + len(document.frame("storage"))
    if sources:
        notes.append(
            f"Static generators and storages ({sources}) are demand of constant power, negative or not."
        )
    if len(document.frame("impedance")):
        notes.append("Impedances have no rating in pandapower: the power sn_mva that they refer to.")
    if len(document.frame("controller")):
        notes.append("pandapower's controllers are not run; values stand as the file has them.")
    switch = document.frame("switch")
    if (
        np.array([kind != "b" for kind in switch.texts("et")], dtype=np.bool_) & ~switch.flags("closed")
    ).any():
        notes.append("Branches with one open switch stay out; what they draw from one end is a bus shunt.")
    lossy = (
        document.frame("line").floats("g_us_per_km", 0.0).any()
        or document.frame("trafo").floats("pfe_kw", 0.0).any()
    )
    if lossy or len(document.frame("trafo3w")):
        notes.append("Conductance of lines and iron losses are bus shunts, which stay when the branch opens.")
    return tuple(notes)
