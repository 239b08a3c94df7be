"""From the scenario's tap budgets to what links enforce, tag by tag in engineering units."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from simulator.control.orders import order_span
from simulator.settings import TapBudget
from streams.errors import BadInput
from streams.links import LinkBudget
from streams.plant_model import PlantModel


def link_budgets(model: PlantModel, budgets: Sequence[TapBudget]) -> list[LinkBudget]:
    """One budget per link in reach; protected links are left out, whatever the scenario says.

    Raises BadInput for a link or tag that the plant does not have, or an eps that is negative or not finite.
    """
    span = {tag.name: tag.high - tag.low for tag in model.tags}
    # Command links carry set-points by the name of what they command.
    span |= {unit.name: unit.p_max_mw - unit.p_min_mw for unit in model.units}
    span |= {entry.tag: order_span(entry.tag) for entry in model.link_tags if entry.tag not in span}
    tags_of = _tags_of_links(model)
    protected = {link.id for link in model.links if link.protected}
    found = []
    for budget in budgets:
        for tag, eps in budget.eps_tags.items():
            if tag not in span:
                raise BadInput("attack.eps", tag, "a tag of this plant (see tags.csv)")
            if not (math.isfinite(eps) and eps >= 0.0):
                raise BadInput(f"attack.eps.{tag}", eps, "a finite number from 0 up")
        for link in budget.links:
            if link not in tags_of:
                raise BadInput("attack.links", link, "a link of this plant that carries tags (see tags.csv)")
            if link in protected:
                continue
            reach = {
                tag: budget.eps_tags.get(tag, budget.eps_share * span.get(tag, 0.0)) for tag in tags_of[link]
            }
            found.append(LinkBudget(link, reach, budget.allow_drop, budget.start_s, budget.end_s))
    return found


def _tags_of_links(model: PlantModel) -> dict[str, list[str]]:
    tags: dict[str, list[str]] = defaultdict(list)
    for tag in model.tags:
        tags[tag.link].append(tag.name)
    for entry in model.link_tags:
        tags[entry.link].append(entry.tag)
    return tags
