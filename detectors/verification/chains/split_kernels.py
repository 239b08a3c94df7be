"""How a part of the search gets smaller: cut by a line, or split in two at an input or at a ReLU."""

from __future__ import annotations

from detectors.bounds.rounding import FLOOR, UNIT, theta
from detectors.verification.chains.backward_kernels import TINY
from detectors.verification.chains.compiled import kernel, part
from detectors.verification.chains.layout import Bounds, Chain
from detectors.verification.chains.parts import Lines, Parts

FEW_NEURONS = 6
"""With at most this many undecided ReLU in a part one of them is split."""
FAR_MORE = 30.0
"""A ReLU is split as well if it promises that many times what halving the best input does: many inputs."""


@kernel  # type: ignore[untyped-decorator]
def cut(count: int, lines: Lines) -> float:
    """Cut from the box what a row keeps above twice its spare. Returns the share of the volume that is left,
    -1 where nothing is."""
    low, high, share = lines.low, lines.high, 1.0
    n = low.shape[0]
    for r in range(count):
        p, level = lines.p[r], 2.0 * lines.spare[r]
        total, spent, lost = lines.q[r], abs(lines.q[r]) + level, FLOOR
        for i in range(n):
            total += min(p[i] * low[i], p[i] * high[i])
            spent += max(abs(p[i] * low[i]), abs(p[i] * high[i]))
            lost += TINY * max(abs(low[i]), abs(high[i]))
        error = theta(2 * n) * spent + lost
        for i in range(n):
            if p[i] == 0.0:
                continue
            width = high[i] - low[i]
            # p[i] x[i] <= level - (the least of all else)
            end = (level - (total - min(p[i] * low[i], p[i] * high[i])) + error) / p[i]
            if p[i] > 0.0:
                end += abs(end) * 8.0 * UNIT + FLOOR
                if end < high[i]:
                    if end < low[i]:
                        return -1.0
                    high[i] = end
                    share *= (high[i] - low[i]) / width
            else:
                end -= abs(end) * 8.0 * UNIT + FLOOR
                if end > low[i]:
                    if end > high[i]:
                        return -1.0
                    low[i] = end
                    share *= (high[i] - low[i]) / width
    return share


@part  # type: ignore[untyped-decorator]
def _open_neurons(chain: Chain, bounds: Bounds) -> int:
    count = 0
    for layer in range(chain.rectified.shape[0]):
        if chain.rectified[layer]:
            for j in range(chain.neuron_at[layer], chain.neuron_at[layer + 1]):
                count += bounds.low[j] < 0.0 < bounds.high[j]
    return count


@part  # type: ignore[untyped-decorator]
def _best_input(lines: Lines) -> int:
    """The input of the highest score, the widest where no score tells; -1 where none has a middle."""
    best, score, width = -1, -1.0, -1.0
    for i in range(lines.low.shape[0]):
        low, high = lines.low[i], lines.high[i]
        if low < 0.5 * low + 0.5 * high < high and (
            lines.score[i] > score or (lines.score[i] == score and high - low > width)
        ):
            best, score, width = i, lines.score[i], high - low
    return best


@kernel  # type: ignore[untyped-decorator]
def split(
    chain: Chain,
    parts: Parts,
    top: int,
    clause: int,
    bound: float,
    row: int,
    bounds: Bounds,
    lines: Lines,
) -> int:
    """Push both sides of the most promising split on the place of part ``top``; the side towards the lower
    end of line ``row`` is searched first. Returns the new top, or ``top`` where nothing can be split."""
    low, high, held = lines.low, lines.high, 0
    while held < parts.splits.shape[1] and parts.splits[top, held] != 0:
        held += 1
    open_ = _open_neurons(chain, bounds)
    if not open_:
        return top
    at = _best_input(lines)
    neuron = -1
    if held < parts.splits.shape[1]:
        for j in range(lines.gain.shape[0]):
            if lines.gain[j] > 0.0 and (neuron < 0 or lines.gain[j] > lines.gain[neuron]):
                neuron = j
    by_neuron = neuron >= 0 and (
        at < 0 or open_ <= FEW_NEURONS or lines.gain[neuron] > FAR_MORE * lines.score[at]
    )
    if at < 0 and not by_neuron:
        return top
    middle = 0.0 if by_neuron else 0.5 * low[at] + 0.5 * high[at]
    for side in range(2):
        new = top + side
        for i in range(low.shape[0]):
            parts.low[new, i], parts.high[new, i] = low[i], high[i]
        if side == 1:
            for k in range(parts.splits.shape[1]):
                parts.splits[new, k] = parts.splits[top, k]
        parts.clause[new], parts.bound[new] = clause, bound
    if by_neuron:
        parts.splits[top, held] = neuron + 1
        parts.splits[top + 1, held] = -(neuron + 1)
    else:
        upper = top if lines.p[row, at] > 0.0 else top + 1
        parts.low[upper, at] = middle
        parts.high[top if upper == top + 1 else top + 1, at] = middle
    return top + 2
