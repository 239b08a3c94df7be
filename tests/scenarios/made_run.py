"""A run folder made up by formula, recorded by the real recorder: for tests of scoring and of the report."""

from pathlib import Path

import msgspec
import numpy as np

from scenarios import run_folder
from scenarios.arm_run import ArmResult, Latency, keep_result
from scenarios.prepare import Prepared
from scenarios.provenance import provenance_of
from scenarios.roles import ArmPlan
from scenarios.scenario import Scenario
from scenarios.scenario_reading import check
from scenarios.summary import summarise
from scenarios.toml_text import to_toml
from streams import topics
from streams.messages import Alarm, Directive, Event, Outcome, PlantModelMessage, Truth, Verdict
from streams.plant_model import Branch, Bus, Link, LinkTag, PlantModel, Tag, Tank, Unit
from streams.recorder import RecorderRole
from streams.tags_csv import write_tags

SCAN_S = 4.0
ATTACK_S = 240.0
ALARM_S = 272.0
TRIP_S = 600.0


def made_scenario(duration_s: float = 1200.0) -> Scenario:
    """Small networks, one attack on two stations."""
    document = {
        "scenario": {"name": "made", "duration_s": duration_s, "description": "made up"},
        "grid": {"network": "ieee14"},
        "water": {"network": "net1", "bus": "2"},
        "attack": [
            {
                "attacker": "load_redistribution",
                "start_s": ATTACK_S,
                "end_s": duration_s,
                "links": ["S1>SCADA", "S2>SCADA"],
                "eps": 0.3,
                "techniques": ["T0830"],
                "attack_version": "v19",
            }
        ],
    }
    return check(document, "made.toml")


def made_model() -> PlantModel:
    """Two buses, two lines, one unit, one tank."""
    stations = ["S1", "S2", "RTU-T", "FM-T", "PLC-P"]
    links = [Link(f"{s}>SCADA", s, "SCADA", s == "FM-T") for s in stations]
    links.append(Link("RTU-T>PLC-P", "RTU-T", "PLC-P", False))

    def tag(name: str, unit: str, low: float, high: float) -> Tag:
        station = name.split("/")[0]
        return Tag(name, station, f"{station}>SCADA", unit, low, high, station == "FM-T", SCAN_S)

    return PlantModel(
        schema=1,
        grid="ieee14",
        water="net1",
        scan_s=SCAN_S,
        exchange_s=SCAN_S,
        base_mva=100.0,
        nominal_frequency_hz=60.0,
        reference_bus="1",
        tags=(
            tag("S1/load_mw", "MW", 0.0, 150.0),
            tag("S1/line1-2_mw", "MW", -100.0, 100.0),
            tag("S1/G1_frequency_hz", "Hz", 50.0, 70.0),
            tag("S2/load_mw", "MW", 0.0, 150.0),
            tag("RTU-T/level_m", "m", 0.0, 6.0),
            tag("FM-T/inflow_m3h", "m3/h", -100.0, 100.0),
        ),
        links=tuple(links),
        link_tags=(LinkTag("RTU-T>PLC-P", "RTU-T/level_m"),),
        buses=(
            Bus("1", "S1", 132.0, 90.0, "S1/load_mw", ""),
            Bus("2", "S2", 132.0, 60.0, "S2/load_mw", ""),
        ),
        branches=(
            Branch("1-2", "1", "2", 0.01, 0.1, 1.0, 0.0, 100.0, "S1/line1-2_mw", ""),
            Branch("1-2#2", "1", "2", 0.01, 0.1, 1.0, 0.0, 100.0, "", ""),
        ),
        units=(Unit("G1", "1", 0.0, 200.0, 10.0, 20.0, 150.0, "", "S1/G1_frequency_hz", ""),),
        tanks=(Tank("T", "RTU-T", 100.0, 0.0, 6.0, "RTU-T/level_m", "FM-T/inflow_m3h"),),
        pumps=(),
        emergency_factor=1.15,
        security="n-1",
    )


def made_prepared(scenario: Scenario) -> Prepared:
    return Prepared(scenario, made_model(), ("made up by formula <&>",), None, "no model is needed here")


class _Arm:
    """Feeds one arm's messages to a recorder."""

    def __init__(self, folder: Path, attacked: bool, defended: bool, scenario: Scenario) -> None:
        self.recorder = RecorderRole(folder)
        self.attacked, self.defended, self.scenario = attacked, defended, scenario
        self._seq = 0

    def head(self, k: int, t_s: float) -> dict:
        self._seq += 1
        return {"producer": "plant", "seq": self._seq, "k": k, "t_s": t_s}

    def run(self) -> None:
        for k in range(self.scenario.exchanges + 1):
            inbox = {topic: [] for topic in self.recorder.reads}
            self._fill(inbox, k, k * SCAN_S)
            self.recorder.step(k, k * SCAN_S, inbox)

    def _fill(self, inbox: dict, k: int, t_s: float) -> None:
        if k == 0:
            inbox[topics.MODEL].append(PlantModelMessage(**self.head(k, t_s), document=made_model().encode()))
        tampered = self.attacked and t_s >= ATTACK_S
        harmed = tampered and not self.defended
        inbox[topics.TRUTH].append(self._truth(k, t_s, tampered, harmed))
        if tampered and t_s == ATTACK_S:
            for link in ("S1>SCADA", "S2>SCADA"):
                inbox[topics.TRUTH].append(self._event(k, t_s, "tap_in", link, "offset", 2.0, "tags"))
        if harmed and t_s == TRIP_S:
            inbox[topics.TRUTH].append(self._event(k, t_s + 1.5, "line_trip", "1-2", "overload", 131.0, "%"))
            inbox[topics.TRUTH].append(self._event(k, t_s + 3.0, "load_shed", "2", "ufls", 30.0, "MW"))
        if self.defended:
            self._defend(inbox, k, t_s, tampered)
        if k == self.scenario.exchanges:
            inbox[topics.TRUTH].append(self._outcome(k, t_s, harmed))

    def _truth(self, k: int, t_s: float, tampered: bool, harmed: bool) -> Truth:
        wave = np.sin(t_s / 300.0)
        frequency = 60.0 - (1.2 * np.exp(-(t_s - TRIP_S) / 120.0) if harmed and t_s > TRIP_S else 0.0)
        load = 90.0 + 5.0 * wave
        true = np.array(
            [load, 60.0 + 3.0 * wave, frequency, 60.0 - 4.0 * wave, 3.0 + wave, 20.0 * np.cos(t_s / 300.0)]
        )
        measured = true.copy()
        if k % 50 == 7:
            measured[3] = np.nan
        received = measured.copy()
        told = measured[4:5].copy()
        if tampered:
            received[0] += 20.0
            received[3] -= 20.0
            told[0] = 5.8
        gone = harmed and t_s > TRIP_S
        over = 0.9 + (0.4 * min(1.0, (t_s - ATTACK_S) / 300.0) if harmed else 0.0)
        loading = np.array([0.0 if gone else over, 0.6])
        return Truth(
            **self.head(k, t_s),
            true=true.tobytes(),
            measured=measured.tobytes(),
            received=received.tobytes(),
            links=told.tobytes(),
            loading=loading.tobytes(),
        )

    def _event(
        self, k: int, t_s: float, kind: str, element: str, cause: str, value: float, unit: str
    ) -> Event:
        return Event(**self.head(k, t_s), kind=kind, element=element, cause=cause, value=value, unit=unit)

    def _defend(self, inbox: dict, k: int, t_s: float, tampered: bool) -> None:
        caught = tampered and t_s >= ALARM_S - 8.0
        value = "certified_alarm" if caught else "uncertain" if tampered else "certified_normal"
        inbox[topics.VERDICTS].append(
            Verdict(
                **self.head(k, t_s),
                detector="network",
                domain="grid",
                station="*",
                value=value,
                alarm=caught,
                score=1.0 if caught else -1.0,
                margin=None if value == "uncertain" else 0.5,
                method="interval",
            )
        )
        inbox[topics.VERDICTS].append(
            Verdict(
                **self.head(k, t_s),
                detector="residual",
                domain="grid",
                station="*",
                value=None,
                alarm=caught,
                score=0.0,
                margin=None,
                method="residual",
            )
        )
        if tampered and t_s == ALARM_S:
            inbox[topics.ALARMS].append(
                Alarm(
                    **self.head(k, t_s),
                    alarm_id="grid-1",
                    source="network",
                    domain="grid",
                    priority="high",
                    state="raised",
                    certified=True,
                )
            )
            inbox[topics.DIRECTIVES].append(
                Directive(
                    **self.head(k, t_s),
                    mode="protected_dispatch",
                    domain="grid",
                    action="enter",
                    reason="alarm grid-1",
                )
            )

    def _outcome(self, k: int, t_s: float, harmed: bool) -> Outcome:
        figures: dict[str, float | None] = {
            "energy_not_served_mwh": 5.0 if harmed else 0.0,
            "peak_load_shed_mw": 30.0 if harmed else 0.0,
            "lines_tripped": 1.0 if harmed else 0.0,
            "generators_tripped": 0.0,
            "min_frequency_hz": 58.8 if harmed else 59.98,
            "water_not_delivered_m3": 120.0 if harmed else 20.0 if self.attacked else 0.0,
            "low_pressure_node_hours": 3.0 if harmed else 0.0,
            "tank_overflow_m3": 0.0,
            "contaminant_consumed_g": None,
            "plant_derated_mwh": 0.0,
        }
        causes = {"ufls": 30.0 if harmed else 0.0, "uvls": 0.0, "voltage_collapse": 0.0, "island": 0.0}
        return Outcome(
            **self.head(k, t_s), figures=figures, shed_mw_by_cause={**causes, "planned": 0.0}, complete=True
        )


def make_arm(folder: Path, name: str, attacked: bool, defended: bool, scenario: Scenario) -> ArmResult:
    """One recorded arm of the made-up run."""
    arm = _Arm(folder / name, attacked, defended, scenario)
    arm.run()
    arm.recorder.close()
    latency = Latency(1.5, 3.0, 0) if defended else Latency()
    return keep_result(ArmPlan(scenario, name, None, folder / name), arm.recorder, latency)


ARMS = {
    "baseline": (False, False),
    "undefended": (True, False),
    "defended": (True, True),
    "nuisance": (False, True),
}


def make_run(folder: Path, names: tuple[str, ...] = tuple(ARMS), duration_s: float = 1200.0) -> Path:
    """A complete run folder with these arms."""
    scenario = made_scenario(duration_s)
    prepared = made_prepared(scenario)
    run_folder.claim(folder)
    for name in names:
        make_arm(folder, name, *ARMS[name], scenario)
    run_folder.write_text(folder / run_folder.SCENARIO, to_toml(scenario.document()))
    run_folder.write_text(folder / run_folder.PLANT_MODEL, made_model().encode().decode())
    write_tags(folder / run_folder.TAGS, made_model())
    summary = summarise(folder, scenario, made_model(), "complete")
    run_folder.write_document(folder / run_folder.SUMMARY, summary)
    provenance = provenance_of(prepared, "made-1", names, "memory")
    ended = msgspec.structs.replace(provenance, status="complete")
    run_folder.write_document(folder / run_folder.PROVENANCE, ended)
    return folder
