"""What a run needs to know before its first exchange: the plant model, exact links, a model that fits.

Everything that can be refused is refused here, before anything is written or simulated.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from detectors.members import build_all
from detectors.model import load_model
from detectors.perturbation import Perturbation
from scenarios.arms import ARMS, Arm
from scenarios.catalogue import unique
from scenarios.models import find_model
from scenarios.scenario import Scenario
from scenarios.scenario_sections import Attack
from simulator.budgets import link_budgets
from simulator.grid.case import load_case
from simulator.grid.feeders import BLOCKS
from simulator.plant import Plant
from streams.errors import BadInput
from streams.plant_model import PlantModel


class Prepared(msgspec.Struct, frozen=True):
    """A scenario whose link patterns are resolved, with what its plant publishes.

    model_folder: the detector's, None where none fits; then misfit says why not.
    """

    scenario: Scenario
    plant_model: PlantModel
    assumptions: tuple[str, ...]
    model_folder: Path | None
    misfit: str


def prepare(scenario: Scenario, source: str) -> Prepared:
    """Build the plant once and check the scenario, read from ``source``, against it. Raises BadInput."""
    try:
        return _prepare(scenario)
    except BadInput as error:
        raise BadInput(f"{source}: {error.where}", error.value, error.allowed) from None


def _prepare(scenario: Scenario) -> Prepared:
    _check_places(scenario)
    plant = Plant(scenario.plant_settings(attacked=False))
    try:
        model, assumptions = plant.model, (*plant.assumptions, *_declared(scenario))
    finally:
        plant.close()
    attacks = tuple(_resolve(attack, model, i) for i, attack in enumerate(scenario.attack))
    resolved = msgspec.structs.replace(scenario, attack=attacks)
    link_budgets(model, resolved.plant_settings(attacked=True).budgets)
    _check_certified(scenario, model)
    folder, misfit = _fitting_model(scenario, model)
    return Prepared(resolved, model, assumptions, folder, misfit)


def choose_arms(names: str | None, prepared: Prepared) -> list[Arm]:
    """Arms by name, separated by commas; None means all that the scenario's model allows.

    Raises BadInput for an unknown arm, or one that needs a detector where no model fits.
    """
    if names is None:
        return [arm for arm in ARMS.values() if prepared.model_folder or not arm.defended]
    chosen = [parse_arm(name) for name in names.split(",")]
    for arm in chosen:
        if arm.defended and prepared.model_folder is None:
            allowed = ", ".join(a.name for a in ARMS.values() if not a.defended)
            raise BadInput("--arms", arm.name, f"{allowed}, because {prepared.misfit}")
    try:
        return list(unique(chosen).values())
    except ValueError:
        raise BadInput("--arms", names, "each arm once") from None


def parse_arm(name: str) -> Arm:
    """One arm. Raises BadInput for an unknown name."""
    if name.strip() not in ARMS:
        raise BadInput("--arms", name, ", ".join(ARMS))
    return ARMS[name.strip()]


def _check_places(scenario: Scenario) -> None:
    """Names of buses, branches and units that the scenario points at."""
    case = load_case(scenario.grid.network, scenario.grid.ratings)
    water = scenario.water
    pointed = [("grid.out_of_service", name, case.branch_name) for name in scenario.grid.out_of_service]
    pointed += [("water.bus", water.bus, case.bus_name)] if water.bus else []
    pointed += [("water.cooled_unit", water.cooled_unit, case.unit_name)] if water.cooled_unit else []
    for field, name, known in pointed:
        if name not in known:
            raise BadInput(field, name, f"a name in {case.name} such as {', '.join(known[:3])}")
    if water.cooling_node and not water.cooled_unit:
        raise BadInput("water.cooling_node", water.cooling_node, "empty, unless water.cooled_unit is set")
    if not 0 <= water.feeder < BLOCKS:
        raise BadInput("water.feeder", water.feeder, f"0 to {BLOCKS - 1}")
    if not 0 <= scenario.grid.protected_flows <= len(case.branch_name):
        allowed = f"0 to {len(case.branch_name)}, the branches of {case.name}"
        raise BadInput("grid.protected_flows", scenario.grid.protected_flows, allowed)


def _resolve(attack: Attack, model: PlantModel, number: int) -> Attack:
    """The same attack with exact link ids; patterns match links that carry tags and are not protected."""
    where = f"attack[{number}].links"
    carrying = {tag.link for tag in model.tags} | {entry.link for entry in model.link_tags}
    open_links = [link.id for link in model.links if link.id in carrying and not link.protected]
    found: dict[str, None] = {}
    for pattern in attack.links:
        matches = [link for link in open_links if fnmatchcase(link, pattern)]
        if not matches:
            example = ", ".join(open_links[:2])
            raise BadInput(where, pattern, f"an unprotected link or a pattern, such as {example}")
        found.update(dict.fromkeys(matches))
    return msgspec.structs.replace(attack, links=tuple(found))


def _check_certified(scenario: Scenario, model: PlantModel) -> None:
    """Tags that the scenario wants certified for an eps of their own."""
    eps = scenario.detector.eps
    if eps == {}:
        raise BadInput("detector.eps", eps, "a share of each tag's range, or at least one tag")
    known = {tag.name for tag in model.tags}
    for tag in eps if isinstance(eps, dict) else ():
        if tag not in known:
            raise BadInput("detector.eps", tag, "a tag of this plant (see tags.csv)")
    try:
        Perturbation.of(eps).check(model)
    except BadInput as error:
        raise BadInput("detector.eps", error.value, f"{error.allowed} ({error.where})") from None


def _declared(scenario: Scenario) -> list[str]:
    """Assumptions that the scenario itself makes."""
    water, grid = scenario.water, scenario.grid
    notes = [
        f"The {grid.protected_flows} most loaded lines are metered over a protected link.",
        f"{water.replication} districts like {water.network} hang on the grid: water outcomes are multiplied "
        "by that.",
    ]
    if grid.load_scale != 1.0:
        notes.append(f"Every nominal load is multiplied by {grid.load_scale:g}.")
    return notes


def _fitting_model(scenario: Scenario, model: PlantModel) -> tuple[Path | None, str]:
    try:
        folder, misfit = find_model(scenario.detector.model, model)
        if folder is not None:
            # Whatever is damaged in a model shows here, before a run has begun.
            build_all(load_model(folder), model, Perturbation.of(scenario.detector.eps))
        return folder, misfit
    except BadInput as error:
        allowed = f"a model ({error.where}: {error.value}; allowed: {error.allowed})"
        raise BadInput("detector.model", scenario.detector.model, allowed) from None
