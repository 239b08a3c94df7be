"""Tank-level spoofing with replayed concealment (the BATADAL and epanetCPA family of attacks).

The pump controllers receive a full tank and stop, while SCADA is shown the level of some time ago. As soon
as an alarm or a safe mode of the water domain shows, the attacker withdraws and waits before it resumes.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from scenarios.attackers.base import Attacker, Budget, Options, TapOrder, View
from streams.plant_model import PlantModel, Tank


class LevelSpoofingOptions(Options, frozen=True):
    """replay_s: age of the level shown to SCADA; back_off_s: how long it lies low after a reaction;
    margin_m: how far above the pumps' off level the spoofed level stands."""

    replay_s: Annotated[float, Meta(gt=0)] = 3600.0
    back_off_s: Annotated[float, Meta(ge=0)] = 1800.0
    margin_m: Annotated[float, Meta(ge=0)] = 0.3


class LevelSpoofing(Attacker):
    """Needs reach over TANK>PLC links (to act) and TANK>SCADA links (to hide)."""

    name = "level_spoofing"
    description = "shows pump controllers a full tank, replays old levels to SCADA, backs off when noticed"
    options_type = LevelSpoofingOptions

    def __init__(self, budget: Budget, options: Options) -> None:
        super().__init__(budget, options)
        assert isinstance(options, LevelSpoofingOptions)
        self._options = options
        self._active = False
        self._resume_s = budget.start_s

    def plan(self, view: View) -> list[TapOrder]:
        """Start, withdraw or resume; nothing between."""
        if view.model is None:
            return []
        noticed = any(a.domain == "water" and a.state == "raised" for a in view.alarms) or any(
            d.domain == "water" and d.action == "enter" for d in view.directives
        )
        if noticed:
            self._resume_s = view.t_s + self._options.back_off_s
            if self._active:
                self._active = False
                return self._withdraw(view, view.model)
        if not self._active and view.t_s >= self._resume_s and self.use_query():
            self._active = True
            return self._spoof(view, view.model)
        return []

    def _spoof(self, view: View, model: PlantModel) -> list[TapOrder]:
        orders = []
        for tank in model.tanks:
            full = max((p.off_level_m for p in model.pumps if p.tank == tank.name), default=tank.level_max_m)
            shown = min(full + self._options.margin_m, tank.level_max_m)
            orders += [
                self._order(link, "set", tank, shown, view) for link in self._controller_links(model, tank)
            ]
            scada = self._scada_link(model, tank)
            if scada:
                orders.append(self._order(scada, "replay", tank, self._options.replay_s, view))
        return orders

    def _withdraw(self, view: View, model: PlantModel) -> list[TapOrder]:
        """An offset of nothing replaces what was in force."""
        links = [
            (link, tank)
            for tank in model.tanks
            for link in (*self._controller_links(model, tank), self._scada_link(model, tank))
            if link
        ]
        return [self._order(link, "offset", tank, 0.0, view) for link, tank in links]

    def _order(self, link: str, operation: str, tank: Tank, value: float, view: View) -> TapOrder:
        return TapOrder(
            link,
            operation,  # type: ignore[arg-type]
            (tank.level_tag,),
            (value,),
            view.t_s,
            self.budget.end_s,
        )

    @staticmethod
    def _controller_links(model: PlantModel, tank: Tank) -> list[str]:
        return [entry.link for entry in model.link_tags if entry.tag == tank.level_tag]

    @staticmethod
    def _scada_link(model: PlantModel, tank: Tank) -> str:
        return next((tag.link for tag in model.tags if tag.name == tank.level_tag), "")
