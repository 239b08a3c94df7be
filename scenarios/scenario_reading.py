"""From TOML text to a checked scenario: every way in which a file can be wrong gets one sentence."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec

from scenarios import catalogue
from scenarios.scenario import Scenario
from scenarios.scenario_sections import Attack
from scenarios.strict import explained, refuse_unknown
from simulator.faults import check_numbers
from simulator.grid.cases.networks import ALLOWED as GRID_ALLOWED
from simulator.grid.cases.networks import find_network, is_network_file
from simulator.nature.fault import declared_faults
from simulator.water.plc_file import CATALOGUE as PLC_GRAPHS
from simulator.water.plc_graph import WATER_REPORT_S
from streams.errors import BadInput
from streams.finite import check_finite

MAX_SCANS = 10_000_000
FIRST_YEAR, LAST_YEAR = 1900, 2200


def locate(name_or_path: str) -> Path:
    """Path of a catalogue scenario or of a TOML file."""
    found = catalogue.SCENARIOS.get(name_or_path)
    if found is not None:
        return found.path
    path = Path(name_or_path)
    if not path.is_file():
        raise BadInput("SCENARIO", name_or_path, f"{', '.join(catalogue.SCENARIOS)} or a TOML file")
    return path


def parse(path: Path) -> dict[str, Any]:
    """The file's tables, dates as ISO text."""
    try:
        return {key: _without_dates(value) for key, value in tomllib.loads(path.read_text("utf-8")).items()}
    except OSError as error:
        raise BadInput("SCENARIO", str(path), f"a readable TOML file ({error.strerror})") from None
    except UnicodeDecodeError:
        raise BadInput("SCENARIO", str(path), "a TOML file in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise BadInput("SCENARIO", str(path), f"a TOML file ({error})") from None
    except RecursionError:
        raise BadInput("SCENARIO", str(path), "a TOML file without lists hundreds deep") from None


def apply_overrides(document: dict[str, Any], overrides: Sequence[str]) -> None:
    """``a.b=c`` each: the value in TOML syntax (a bare word is a string), list entries by number."""
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key.strip():
            raise BadInput("--set", override, "KEY=VALUE with a dotted key, such as grid.load_scale=0.9")
        *parents, last = key.strip().split(".")
        place: Any = document
        for part in parents:
            place = _child(place, part, override)
        if isinstance(place, list):
            index = _index(place, last, override)
            place[index] = _value(text, place[index])
        elif isinstance(place, dict):
            place[last] = _value(text, place.get(last))
        else:
            raise BadInput("--set", override, f"the key of a table; {parents[-1]} is a value")


def locate_plcs(document: dict[str, Any], folder: Path) -> None:
    """Make the path of a PLC graph absolute, so that a run folder names the file that the run has read."""
    water = document.get("water")
    name = water.get("plcs") if isinstance(water, dict) else None
    if not isinstance(name, str) or not name or name in PLC_GRAPHS:
        return
    for base in (folder, Path()):
        if (base / name).is_file():
            document["water"]["plcs"] = str((base / name).resolve())
            return


def check(document: dict[str, Any], source: str) -> Scenario:
    """The scenario that ``document`` describes, everything checked that needs no plant."""
    check_finite(document, source)
    refuse_unknown(document, Scenario, source)
    try:
        scenario = msgspec.convert(document, Scenario)
    except msgspec.ValidationError as error:
        raise explained(error, document, Scenario, source) from None
    _check_times(scenario, source)
    _check_names(scenario, source)
    _check_nature(scenario, source)
    return scenario


def _value(text: str, before: Any) -> Any:
    try:
        value = _without_dates(tomllib.loads(f"value = {text}")["value"])
    except tomllib.TOMLDecodeError:
        return text.strip()
    # Names may look like numbers: a bus stays "76" without quotes that a shell would eat.
    return text.strip() if isinstance(before, str) and not isinstance(value, str) else value


def _child(place: Any, part: str, override: str) -> Any:
    if isinstance(place, list):
        return place[_index(place, part, override)]
    if isinstance(place, dict):
        return place.setdefault(part, {})
    raise BadInput("--set", override, f"the key of a table; {part} would lie in a value")


def _index(place: list[Any], part: str, override: str) -> int:
    if not part.isdecimal() or int(part) >= len(place):
        raise BadInput("--set", override, f"an entry number from 0 to {len(place) - 1} where it says {part}")
    return int(part)


def _without_dates(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _without_dates(inner) for key, inner in value.items()}
    return [_without_dates(inner) for inner in value] if isinstance(value, list) else value


def _check_times(scenario: Scenario, source: str) -> None:
    general = scenario.scenario
    try:
        plausible = FIRST_YEAR <= datetime.fromisoformat(general.start).year <= LAST_YEAR
    except ValueError:
        plausible = False
    if not plausible:
        years = f"of the years {FIRST_YEAR} to {LAST_YEAR}"
        allowed = f"an ISO date and time such as 2025-07-15T12:00:00, {years}"
        raise BadInput(f"{source}: scenario.start", general.start, allowed)
    if general.exchange_s > WATER_REPORT_S:
        allowed = f"at most {WATER_REPORT_S:g}: water reports that often, and none may be lost"
        raise BadInput(f"{source}: scenario.exchange_s", general.exchange_s, allowed)
    _multiple(source, "scenario.exchange_s", general.exchange_s, general.scan_s, "scan_s")
    _divides(source, "scenario.scan_s", general.scan_s, WATER_REPORT_S, "the water report")
    period_s = scenario.control.estimator_period_s
    _multiple(source, "control.estimator_period_s", period_s, general.exchange_s, "exchange_s")
    step_s = scenario.water.hydraulic_step_s
    _multiple(source, "water.hydraulic_step_s", step_s, general.scan_s, "scan_s")
    if step_s % 1.0 or WATER_REPORT_S % step_s:
        allowed = f"whole seconds that divide {WATER_REPORT_S:g} s"
        raise BadInput(f"{source}: water.hydraulic_step_s", step_s, allowed)
    _multiple(source, "scenario.duration_s", general.duration_s, general.exchange_s, "exchange_s")
    if general.duration_s / general.scan_s > MAX_SCANS:
        allowed = f"at most {MAX_SCANS} scans of {general.scan_s:g} s"
        raise BadInput(f"{source}: scenario.duration_s", general.duration_s, allowed)
    for number, attack in enumerate(scenario.attack):
        if attack.end_s <= attack.start_s:
            where = f"{source}: attack[{number}].end_s"
            raise BadInput(where, attack.end_s, f"more than its start_s of {attack.start_s:g}")


def _check_nature(scenario: Scenario, source: str) -> None:
    """Times of storms and faults, and sizes; elements are checked where the plant is built."""
    for number, storm in enumerate(scenario.nature.storm):
        if storm.end_s <= storm.start_s:
            where = f"{source}: nature.storm[{number}].end_s"
            raise BadInput(where, storm.end_s, f"more than its start_s of {storm.start_s:g}")
    for number, fault in enumerate(declared_faults(scenario.plant_settings(attacked=False).faults)):
        check_numbers(fault, f"{source}: fault[{number}]")


def _divides(source: str, field: str, value: float, whole: float, whole_name: str) -> None:
    ratio = whole / value
    if ratio < 0.5 or abs(ratio - round(ratio)) > 1e-9 * ratio:
        raise BadInput(f"{source}: {field}", value, f"a whole part of the {whole:g} s of {whole_name}")


def _multiple(source: str, field: str, value: float, unit: float, unit_name: str) -> None:
    ratio = value / unit
    if ratio < 0.5 or abs(ratio - round(ratio)) > 1e-9 * ratio:
        raise BadInput(f"{source}: {field}", value, f"a whole multiple of {unit_name} = {unit:g}")


def _check_names(scenario: Scenario, source: str) -> None:
    grid, water = scenario.grid.network, scenario.water.network
    if find_network(grid) is None and not is_network_file(grid):
        raise BadInput(f"{source}: grid.network", grid, GRID_ALLOWED)
    if water not in catalogue.WATER_NETWORKS and not Path(water).is_file():
        allowed = f"{', '.join(catalogue.WATER_NETWORKS)} or the path of an INP file"
        raise BadInput(f"{source}: water.network", water, allowed)
    plcs = scenario.water.plcs
    if plcs and plcs not in PLC_GRAPHS and not Path(plcs).is_file():
        raise BadInput(f"{source}: water.plcs", plcs, f"{', '.join(PLC_GRAPHS)} or the path of a TOML file")
    for number, attack in enumerate(scenario.attack):
        _check_attack(attack, f"{source}: attack[{number}]")
    for field, names, known in (
        ("response.playbooks", scenario.response.playbooks, catalogue.PLAYBOOKS),
        ("detector.monitors", scenario.detector.monitors, catalogue.MONITORS),
    ):
        for name in names:
            if name not in known:
                raise BadInput(f"{source}: {field}", name, ", ".join(known))
    if len({entry.id for entry in scenario.link}) < len(scenario.link):
        ids = [entry.id for entry in scenario.link]
        twice = next(name for name in ids if ids.count(name) > 1)
        raise BadInput(f"{source}: link.id", twice, "each link once")


def _check_attack(attack: Attack, where: str) -> None:
    known = catalogue.attackers()
    if attack.attacker not in known:
        raise BadInput(f"{where}.attacker", attack.attacker, ", ".join(known))
    if attack.knowledge == "black" and known[attack.attacker].needs_model:
        allowed = f"white or grey; {attack.attacker} needs the plant model"
        raise BadInput(f"{where}.knowledge", attack.knowledge, allowed)
    kind = known[attack.attacker].options_type
    refuse_unknown(attack.options, kind, f"{where}.options")
    try:
        msgspec.convert(attack.options, kind)
    except msgspec.ValidationError as error:
        raise explained(error, attack.options, kind, f"{where}.options") from None
