"""Playbooks as data: which alarms call for which safe mode, what it costs, and when it ends."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from streams.messages import SafeMode

PRIORITIES = ("low", "medium", "high")
"""Lowest first."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Enter once an alarm of ``domain`` with at least ``priority`` has stood for ``persist_s``."""

    domain: Literal["grid", "water"]
    priority: Literal["low", "medium", "high"] = "medium"
    persist_s: Annotated[float, Meta(ge=0)] = 0.0


class Exit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Leave once no alarm of the domain has stood for ``quiet_s``, but never before ``at_least_s``."""

    quiet_s: Annotated[float, Meta(ge=0)]
    at_least_s: Annotated[float, Meta(ge=0)] = 0.0


class Playbook(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One safe mode with the rules around it.

    actions, cost: sentences for the operator; timeout_s: longest stay; when it ends with the alarm still
    standing, the mode is left and may be entered again only after the alarm has cleared.
    confirm: whether an operator must agree first. No operator takes part in a run without one, so a playbook
    that needs confirmation is never entered there.
    """

    name: str
    description: str
    mode: SafeMode
    entry: Entry
    actions: tuple[str, ...]
    cost: str
    exit: Exit
    timeout_s: Annotated[float, Meta(gt=0)]
    confirm: bool = False


ALL_PLAYBOOKS = (
    Playbook(
        name="protected_dispatch",
        description="dispatch on the protected measurements, with conservative line limits",
        mode="protected_dispatch",
        entry=Entry(domain="grid", priority="medium"),
        actions=(
            "estimate loads from the last good ones and the flows that arrive over protected links",
            "lower every line limit of the dispatch",
            "dispatch again at once",
        ),
        cost="dearer generation: cheap units behind a limit are held back",
        exit=Exit(quiet_s=1800.0, at_least_s=1800.0),
        timeout_s=43_200.0,
    ),
    Playbook(
        name="mass_balance_control",
        description="pump by tank levels that follow from the metered inflow, not by received levels",
        mode="mass_balance_control",
        entry=Entry(domain="water", priority="medium"),
        actions=(
            "integrate each tank's level from its protected inflow meter since it was last believed",
            "give pump controllers that level instead of the received one",
        ),
        cost="levels drift by meter error: reserve is used less fully",
        exit=Exit(quiet_s=3600.0, at_least_s=1800.0),
        timeout_s=43_200.0,
    ),
)
