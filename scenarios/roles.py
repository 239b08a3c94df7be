"""Which roles take part in an arm, in their order within an exchange, and how each is built."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from scenarios import catalogue
from scenarios.arms import ARMS
from scenarios.attackers.base import Attacker, Budget
from scenarios.attackers.role import AttackerRole
from scenarios.responder import ResponderRole
from scenarios.scenario import Scenario, tap_budget
from simulator.budgets import link_budgets
from simulator.control.estimator_role import EstimatorRole
from simulator.control.role import ControlRole
from simulator.plant_role import PlantRole
from streams.errors import BadInput
from streams.lockstep import writers
from streams.plant_model import PlantModel
from streams.recorder import RecorderRole
from streams.role import Role


class ArmPlan(msgspec.Struct, frozen=True):
    """All that any process needs to play any role of one arm.

    scenario: link patterns resolved; model_folder: the detector's; folder: where the recorder writes.
    """

    scenario: Scenario
    arm: str
    model_folder: Path | None
    folder: Path


def _detector_kind() -> Any:
    # Imported here: arms without a defence need no detector.
    from detectors.role import DetectorRole

    return DetectorRole


def _hub_kind() -> Any:
    from detectors.hub import HubRole

    return HubRole


def _detector(plan: ArmPlan) -> Role:
    assert plan.model_folder is not None
    detector = plan.scenario.detector
    role: Role = _detector_kind()(plan.model_folder, detector.eps, monitors="residual" in detector.monitors)
    return role


def _hub(plan: ArmPlan) -> Role:
    from detectors.hub import HubConfig, Rhythm

    period_s = plan.scenario.control.estimator_period_s
    listed = EstimatorRole.name in plan.scenario.detector.monitors
    config = HubConfig(
        ignored=() if listed else (EstimatorRole.name,), rhythms=(Rhythm(EstimatorRole.name, period_s),)
    )
    role: Role = _hub_kind()(config)
    return role


def _responder(plan: ArmPlan) -> Role:
    return ResponderRole([catalogue.PLAYBOOKS[name] for name in plan.scenario.response.playbooks])


class _Entry(NamedTuple):
    """kind: the class, whose name and topics are known without an instance; build: an instance."""

    kind: Callable[[], Any]
    build: Callable[[ArmPlan], Role]


_ROLES = {
    "plant": _Entry(
        lambda: PlantRole, lambda plan: PlantRole(plan.scenario.plant_settings(ARMS[plan.arm].attacked))
    ),
    "estimator": _Entry(
        lambda: EstimatorRole, lambda plan: EstimatorRole(plan.scenario.control.estimator_period_s)
    ),
    "detector": _Entry(_detector_kind, _detector),
    "hub": _Entry(_hub_kind, _hub),
    "responder": _Entry(lambda: ResponderRole, _responder),
    "control": _Entry(lambda: ControlRole, lambda plan: ControlRole(plan.scenario.control_settings)),
    "attacker": _Entry(
        lambda: AttackerRole, lambda plan: AttackerRole(lambda model: attacks_of(plan.scenario, model))
    ),
    "recorder": _Entry(lambda: RecorderRole, lambda plan: RecorderRole(plan.folder)),
}
"""Every role, in the order of an exchange."""

COMPANIONS = {"control": ("estimator",)}
"""Roles that run in the process of another, before it."""

ROLE_NAMES = tuple(name for name in _ROLES if name not in {n for own in COMPANIONS.values() for n in own})
"""Roles that can be served as a process."""


def roles_of(plan: ArmPlan) -> list[str]:
    """Names of the roles that take part, in order."""
    arm = ARMS[plan.arm]
    absent = set() if arm.defended else {"detector", "hub", "responder"}
    if not arm.attacked or not plan.scenario.attack:
        absent.add("attacker")
    return [name for name in _ROLES if name not in absent]


def build_role(name: str, plan: ArmPlan) -> Role:
    """One role of the arm. Raises BadInput where it takes no part in it."""
    taking_part = roles_of(plan)
    if name not in taking_part:
        served = ", ".join(role for role in taking_part if role in ROLE_NAMES)
        raise BadInput("ROLE", name, f"{served} in arm {plan.arm} of this scenario")
    return _ROLES[name].build(plan)


def expected_writers(plan: ArmPlan) -> dict[str, frozenset[str]]:
    """Topic -> roles that write it in this arm, known without building any of them."""
    return writers([_ROLES[name].kind() for name in roles_of(plan)])


def attacks_of(scenario: Scenario, model: PlantModel) -> list[tuple[Attacker, str]]:
    """Each attack of the scenario with its knowledge, its budget in engineering units."""
    known = catalogue.attackers()
    attacks: list[tuple[Attacker, str]] = []
    for attack in scenario.attack:
        per_link = link_budgets(model, [tap_budget(attack)])
        budget = Budget(
            links=frozenset(b.link for b in per_link),
            eps={tag: eps for b in per_link for tag, eps in b.eps.items()},
            start_s=attack.start_s,
            end_s=attack.end_s,
            allow_drop=attack.allow_drop,
            queries=attack.queries,
        )
        kind = known[attack.attacker]
        attacks.append((kind(budget, msgspec.convert(attack.options, kind.options_type)), attack.knowledge))
    return attacks
