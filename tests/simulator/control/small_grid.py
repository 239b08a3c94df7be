"""A five-bus meshed grid with three units, one tank and one pump, as a published plant model."""

from streams.plant_model import Branch, Bus, Link, LinkTag, PlantModel, Pump, Tag, Tank, Unit

LOADS = {"1": 0.0, "2": 120.0, "3": 90.0, "4": 60.0, "5": 30.0}
LINES = (
    ("1", "2", 0.06, 120.0),
    ("1", "3", 0.24, 90.0),
    ("2", "3", 0.18, 90.0),
    ("2", "4", 0.18, 90.0),
    ("2", "5", 0.12, 100.0),
    ("3", "4", 0.03, 90.0),
    ("4", "5", 0.24, 90.0),
)
UNITS = (("G1", "1", 250.0, 10.0), ("G3", "3", 150.0, 25.0), ("G5", "5", 150.0, 40.0))
PROTECTED_LINE = "1-2"


def small_model(security="n-1"):
    tags = []

    def add(station, quantity, unit, low, high, protected=False, period=4.0):
        name = f"{station}/{quantity}"
        tags.append(Tag(name, station, f"{station}>SCADA", unit, low, high, protected, period))
        return name

    buses = tuple(
        Bus(
            bus,
            f"S{bus}",
            138.0,
            mw,
            add(f"S{bus}", "load_mw", "MW", 0.0, 1.5 * mw) if mw else "",
            add(f"S{bus}", "voltage_pu", "pu", 0.0, 1.5),
        )
        for bus, mw in LOADS.items()
    )
    branches = []
    for start, end, x, rating in LINES:
        name = f"{start}-{end}"
        guarded = name == PROTECTED_LINE
        meter = "PDC" if guarded else f"S{start}"
        flow = add(meter, f"line{name}_mw", "MW", -rating, rating, guarded)
        status = add(f"S{start}", f"line{name}_closed", "closed", 0.0, 1.0)
        branches.append(Branch(name, start, end, 0.02, x, 1.0, 0.0, rating, flow, status))
    units = tuple(
        Unit(
            name,
            bus,
            0.0,
            high,
            0.2 * high,
            cost,
            high / 2,
            add(f"S{bus}", f"{name}_mw", "MW", 0.0, high),
            add(f"S{bus}", f"{name}_frequency_hz", "Hz", 50.0, 70.0),
            f"SCADA>S{bus}",
        )
        for name, bus, high, cost in UNITS
    )
    tank = Tank(
        "T1",
        "RTU-T1",
        100.0,
        0.0,
        10.0,
        add("RTU-T1", "level_m", "m", 0.0, 10.0, period=60.0),
        add("FM-T1", "inflow_m3h", "m3/h", -500.0, 500.0, True, 60.0),
    )
    pump = Pump(
        "P1",
        "PLC-P1",
        "T1",
        4.0,
        6.0,
        add("PLC-P1", "flow_m3h", "m3/h", 0.0, 400.0, period=60.0),
        add("PLC-P1", "running", "running", 0.0, 1.0, period=60.0),
        "SCADA>PLC-P1",
    )
    stations = dict.fromkeys(tag.station for tag in tags)
    links = [Link(f"{s}>SCADA", s, "SCADA", s in ("PDC", "FM-T1")) for s in stations]
    links += [Link(u.command_link, "SCADA", f"S{u.bus}", False) for u in units]
    links += [
        Link("SCADA>PLC-P1", "SCADA", "PLC-P1", False),
        Link("RTU-T1>PLC-P1", "RTU-T1", "PLC-P1", False),
    ]
    order = {s: i for i, s in enumerate(stations)}
    return PlantModel(
        schema=1,
        grid="small",
        water="small",
        scan_s=4.0,
        exchange_s=4.0,
        base_mva=100.0,
        nominal_frequency_hz=60.0,
        reference_bus="1",
        tags=tuple(sorted(tags, key=lambda tag: order[tag.station])),
        links=tuple(links),
        link_tags=(
            *(LinkTag(u.command_link, u.name) for u in units),
            LinkTag("SCADA>PLC-P1", "P1"),
            LinkTag("RTU-T1>PLC-P1", "RTU-T1/level_m"),
        ),
        buses=buses,
        branches=tuple(branches),
        units=units,
        tanks=(tank,),
        pumps=(pump,),
        emergency_factor=1.15,
        security=security,
    )
