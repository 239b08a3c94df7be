"""The flagship's undefended arm in three ways, for processes that run side by side."""

import itertools
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from scenarios import roles
from scenarios.arm_run import run_arm
from scenarios.attackers.role import AttackerRole
from scenarios.prepare import prepare
from scenarios.roles import ArmPlan, attacks_of
from scenarios.scenario import load_scenario
from streams.embedded import EmbeddedBus

ARM = "undefended"


class Muted(AttackerRole):
    """Looks, plans and proposes as ever; nothing that it proposes leaves it."""

    proposed = ()

    def step(self, k, t_s, inbox):
        self.proposed += tuple(out.message.link for out in super().step(k, t_s, inbox))
        return []


class Way(NamedTuple):
    """eps_share: of every attack's budget; muted: whether the taps are removed; duration_s: of the run."""

    name: str
    eps_share: float
    muted: bool
    duration_s: float


class Done(NamedTuple):
    """folder: of the arm; proposed: links for which a muted attacker proposed taps."""

    folder: Path
    proposed: frozenset[str]


def run_way(name: str, way: Way, out: Path) -> Done:
    """One arm of the scenario ``name``, everything but the way as it ships."""
    scenario = load_scenario(name, (f"scenario.duration_s={way.duration_s}",))
    attacks = tuple(msgspec.structs.replace(a, eps=way.eps_share * a.eps) for a in scenario.attack)
    prepared = prepare(msgspec.structs.replace(scenario, attack=attacks), name)
    plan = ArmPlan(prepared.scenario, ARM, None, out / way.name)
    muted = []

    def build(plan):
        muted.append(Muted(lambda model: attacks_of(plan.scenario, model)))
        return muted[-1]

    with pytest.MonkeyPatch.context() as patch:
        if way.muted:
            entries = roles._ROLES | {"attacker": roles._Entry(lambda: Muted, build)}
            patch.setattr(roles, "_ROLES", entries)
        run_arm(plan, EmbeddedBus(), f"{name}-{way.name}")
    return Done(plan.folder, frozenset(itertools.chain(*(role.proposed for role in muted))))
