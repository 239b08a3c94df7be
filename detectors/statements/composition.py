"""Station certificates combined: what holds for the hub's decision over the whole network.

Each of n judges (a detector at one instant; or, for votes over time, one detector's last n windows) has a
certificate for its own set B_j, stated on the tags it reads. The joint set lets every tag of the plant move
within its eps at once, so what judge j reads stays in B_j, whatever tags judges share: each certified verdict
stands on the whole joint set. With A certified alarms and N certified normals, on every point of it

    A <= number of alarms <= n - N,

so the rule "at least k of n" raises for sure if A >= k and stays quiet for sure if n - N < k. No tighter
bound follows from the certificates alone: the others may all say either.

Lost stations: the tags of any m stations are free without limit. Judge j stands while at most ``survives`` of
the stations it reads are lost (0 for evasion and stability, k for a k-station certificate). With a the most
certified alarms that m lost stations can take, and b the most certified normals, alarms >= A - a and
alarms <= n - N + b. a and b are maxima over sets of m stations: exact by enumeration for few sets, else the
sum of the m largest numbers of judges that read a station, which is never less.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from streams.errors import BadInput
from streams.messages import VerdictValue

MOST_SETS = 20_000
"""Sets of lost stations that are tried one by one."""

ASSUMPTIONS = (
    "Every certificate is of the same plant model and, unless it is of an earlier window, the same instant.",
    "Every tag moves within the set of every certificate that speaks of it, all tags at once.",
    "The hub counts alarms as they are sent: the hub and the verdicts on their way to it are not attacked.",
    "A lost station's tags take any value, with any judge that reads more lost stations than it survives "
    "saying anything; the other judges still get their windows.",
)


class Judge(NamedTuple):
    """One certificate in the combination. stations: those whose tags it reads; survives: how many of them may
    be lost without its verdict falling."""

    verdict: VerdictValue
    stations: frozenset[str]
    survives: int = 0


class Decision(NamedTuple):
    """hub: what "at least k of n" surely says; least, most: how many judges can alarm; exact: whether these
    are the best that the certificates allow (False where the sum over stations stood in for enumeration)."""

    hub: Literal["certified_alarm", "certified_normal", "uncertain"]
    least: int
    most: int
    exact: bool
    assumptions: tuple[str, ...] = ASSUMPTIONS


def combine(judges: Sequence[Judge], k: int, lost: int = 0) -> Decision:
    """What a hub that raises on at least ``k`` alarms of ``judges`` says with any ``lost`` stations lost.

    Raises BadInput for k outside 1 to n and for lost below 0.
    """
    if not 1 <= k <= len(judges):
        raise BadInput("votes", k, f"1 to {len(judges)}, the number of judges")
    if lost < 0:
        raise BadInput("lost stations", lost, "0 or more")
    alarms = [judge for judge in judges if judge.verdict == "certified_alarm"]
    normals = [judge for judge in judges if judge.verdict == "certified_normal"]
    taken, exact_a = _most_taken(alarms, lost)
    added, exact_b = _most_taken(normals, lost)
    least, most = len(alarms) - taken, len(judges) - len(normals) + added
    hub: Literal["certified_alarm", "certified_normal", "uncertain"] = "uncertain"
    if least >= k:
        hub = "certified_alarm"
    elif most < k:
        hub = "certified_normal"
    return Decision(hub, least, most, exact_a and exact_b)


def _most_taken(judges: Sequence[Judge], lost: int) -> tuple[int, bool]:
    """(most judges that ``lost`` stations can take, whether that is exact)."""
    stations = sorted(frozenset().union(*(judge.stations for judge in judges)))
    if lost == 0 or not judges:
        return 0, True
    count = min(lost, len(stations))
    if math.comb(len(stations), count) > MOST_SETS:
        reading = sorted((sum(s in judge.stations for judge in judges) for s in stations), reverse=True)
        fallible = sum(min(lost, len(judge.stations)) > judge.survives for judge in judges)
        return min(sum(reading[:count]), fallible), False
    return max(
        sum(len(judge.stations.intersection(gone)) > judge.survives for judge in judges)
        for gone in itertools.combinations(stations, count)
    ), True


def most_changed(verdicts: Sequence[VerdictValue]) -> float:
    """Stream statement: largest share of a sliding window's verdicts that any change within the set, of all
    its samples at once, can turn round; 0 to 1. Raises BadInput for an empty window."""
    if not verdicts:
        raise BadInput("verdicts", 0, "at least one")
    return sum(verdict == "uncertain" for verdict in verdicts) / len(verdicts)
