"""Branch and bound over boxes and signs of ReLU inputs (Bunel et al. 2020; Wang et al. 2021, beta-CROWN).

One part of the search: a box, and ReLU inputs z held at z >= 0 or z <= 0; the two sides of a split cover
everything, their common face twice. A part is closed when no point of it can violate its clause. The rows of
the clause and one row +-z <= 0 for every held ReLU must all be at most 0 at a violation, so a part is closed
by a row above 0, by a combination of rows above 0, or by cutting the box until nothing is left.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.bounds.rounding import FLOOR, theta
from detectors.verification.chains.backward_kernels import TINY, blame, least, neuron_line, row_line
from detectors.verification.chains.compiled import entry, kernel, part, whole
from detectors.verification.chains.forward_kernels import NOTHING, STOPPED, bound_neurons
from detectors.verification.chains.layout import Bounds, Chain, Work
from detectors.verification.chains.parts import Lines, Parts, Rows
from detectors.verification.chains.programme_kernels import least_greatest
from detectors.verification.chains.split_kernels import cut, split

Floats = NDArray[np.float64]

AGAIN = 0.5
"""A box cut to less than this share of its volume is bounded again before it is split."""
ROUNDS = 10
OPEN, CLOSED, VIOLATED, UNDONE = 0, 1, 2, 3


@kernel  # type: ignore[untyped-decorator]
def violates(chain: Chain, rows: Rows, clause: int, x: Floats, work: Work) -> bool:
    """Whether x, evaluated, violates the clause by more than ``proof``."""
    for i in range(x.shape[0]):
        work.coefficients[i] = x[i]
    for layer in range(chain.rectified.shape[0]):
        n, at = chain.sizes[layer], chain.neuron_at[layer]
        for j in range(chain.sizes[layer + 1]):
            z, row = chain.biases[at + j], chain.weight_at[layer] + j * n
            for i in range(n):
                z += chain.weights[row + i] * work.coefficients[i]
            work.passed[j] = max(z, 0.0) if chain.rectified[layer] else z
        for j in range(chain.sizes[layer + 1]):
            work.coefficients[j] = work.passed[j]
    for r in range(rows.starts[clause], rows.starts[clause + 1]):
        y = -rows.limits[r]
        for j in range(rows.matrix.shape[1]):
            y += rows.matrix[r, j] * work.coefficients[j]
        if not y <= -rows.proof[r]:
            return False
    return True


@part  # type: ignore[untyped-decorator]
def _row_lines(
    chain: Chain, rows: Rows, clause: int, splits: NDArray[np.int32], bounds: Bounds, work: Work, lines: Lines
) -> tuple[int, float, int]:
    """Lines of the clause's rows, then of the held ReLU. Returns their number, the best margin, its row."""
    count, best, best_row = whole(0), -np.inf, whole(0)
    for r in range(rows.starts[clause], rows.starts[clause + 1]):
        lines.q[count] = row_line(chain, bounds, work, rows.matrix[r], rows.limits[r], 0.0, lines.p[count])
        lines.spare[count] = rows.spare[r]
        margin = least(lines.p[count], lines.q[count], lines.low, lines.high) - rows.spare[r]
        if margin > best:
            best, best_row = margin, count
        count += 1
    if best > 0.0:
        return count, best, best_row
    for held in splits:
        if held == 0:
            break
        neuron, sign = abs(held) - 1, -1.0 if held > 0 else 1.0
        layer = 0
        while neuron >= chain.neuron_at[layer + 1]:
            layer += 1
        lines.q[count] = neuron_line(
            chain, bounds, work, layer, neuron - chain.neuron_at[layer], sign, lines.p[count]
        )
        lines.spare[count] = 0.0
        count += 1
    return count, best, best_row


@part  # type: ignore[untyped-decorator]
def _combine(
    chain: Chain,
    rows: Rows,
    clause: int,
    splits: NDArray[np.int32],
    count: int,
    bounds: Bounds,
    work: Work,
    lines: Lines,
) -> tuple[float, float]:
    """Margin of the combination of rows by lines.multipliers, carried back as one, and the weight in it of
    the clause's rows."""
    first, own = rows.starts[clause], rows.starts[clause + 1] - rows.starts[clause]
    limit, spare, share, slack = 0.0, 0.0, 0.0, 0.0
    wide = theta(count + rows.matrix.shape[1])
    last = chain.neuron_at[chain.rectified.shape[0] - 1]
    for j in range(rows.matrix.shape[1]):
        lines.row[j] = 0.0
    for r in range(own):
        factor = lines.multipliers[r]
        share += factor
        limit += factor * rows.limits[first + r]
        spare += factor * rows.spare[first + r]
        slack += wide * factor * abs(rows.limits[first + r])
        for j in range(rows.matrix.shape[1]):
            lines.row[j] += factor * rows.matrix[first + r, j]
            slack += (wide * factor * abs(rows.matrix[first + r, j]) + TINY) * bounds.magnitude[last + j]
    for k in range(own, count):
        held = splits[k - own]
        work.injected[abs(held) - 1] = -lines.multipliers[k] if held > 0 else lines.multipliers[k]
    lines.q[count] = row_line(chain, bounds, work, lines.row, limit, slack, lines.p[count])
    margin = least(lines.p[count], lines.q[count], lines.low, lines.high) - spare * (1.0 + wide) - FLOOR
    return margin, share


@part  # type: ignore[untyped-decorator]
def _per_weight(margin: float, share: float, wide: float) -> float:
    """Margin of the greatest row from that of a combination: on the part the held ReLU add nothing above 0,
    so the greatest row is at least the combined one over the weight of the rows."""
    if margin > 0.0:
        return float(margin / share * (1.0 - wide) if share > 0.0 else np.inf)
    return float(margin / share * (1.0 + wide) if share > 0.0 else -np.inf)


@part  # type: ignore[untyped-decorator]
def _by_combination(
    chain: Chain,
    rows: Rows,
    clause: int,
    splits: NDArray[np.int32],
    count: int,
    best: float,
    row: int,
    bounds: Bounds,
    work: Work,
    lines: Lines,
) -> tuple[float, int]:
    """The best margin, and the row to split by, once the combination of all rows is tried; lines.point is
    where they are least, all of them."""
    for r in range(count):
        lines.q[r] -= lines.spare[r]
    least_greatest(
        lines.p, lines.q, count, lines.low, lines.high, lines.dictionary, lines.multipliers, lines.point
    )
    for r in range(count):
        lines.q[r] += lines.spare[r]
    combined, share = _combine(chain, rows, clause, splits, count, bounds, work, lines)
    if combined > best:
        row = count
        best = max(best, _per_weight(combined, share, theta(count)))
        blame(chain, bounds, work, lines.row, lines.score, lines.gain)
    for k in range(rows.starts[clause + 1] - rows.starts[clause], count):
        work.injected[abs(splits[k - (rows.starts[clause + 1] - rows.starts[clause])]) - 1] = 0.0
    return best, row


@part  # type: ignore[untyped-decorator]
def _bound_once(
    chain: Chain,
    rows: Rows,
    clause: int,
    splits: NDArray[np.int32],
    bounds: Bounds,
    work: Work,
    lines: Lines,
    state: Floats,
) -> tuple[int, float, int, bool]:
    """Bound the part in lines.low, lines.high and cut it. Returns (CLOSED, VIOLATED, OPEN, UNDONE), the best
    margin, its row, and whether the cut was worth another round."""
    found = bound_neurons(chain, lines.low, lines.high, splits, bounds, work)
    if found == STOPPED:
        return UNDONE, -np.inf, whole(0), False
    if found == NOTHING:
        return CLOSED, np.inf, whole(0), False
    count, best, row = _row_lines(chain, rows, clause, splits, bounds, work, lines)
    if best <= 0.0 or np.isnan(best):
        for i in range(lines.point.shape[0]):
            lines.point[i] = lines.low[i] if lines.p[row, i] > 0.0 else lines.high[i]
        if violates(chain, rows, clause, lines.point, work):
            return VIOLATED, best, row, False
        blame(chain, bounds, work, rows.matrix[rows.starts[clause] + row], lines.score, lines.gain)
        if count > 1:
            best, row = _by_combination(chain, rows, clause, splits, count, best, row, bounds, work, lines)
            if best <= 0.0 and violates(chain, rows, clause, lines.point, work):
                return VIOLATED, best, row, False
    if best > 0.0:
        state[0] = min(state[0], best)
        return CLOSED, best, row, False
    share = cut(count, lines)
    if share < 1.0:
        for r in range(rows.starts[clause], rows.starts[clause + 1]):
            state[0] = min(state[0], rows.spare[r])
    return CLOSED if share < 0.0 else OPEN, best, row, share < AGAIN


@entry  # type: ignore[untyped-decorator]
def explore(
    chain: Chain,
    rows: Rows,
    parts: Parts,
    top: int,
    limit: int,
    bounds: Bounds,
    work: Work,
    lines: Lines,
    state: Floats,
) -> tuple[int, int, int]:
    """Search depth first from the ``top`` parts on the stack until ``limit`` parts are bounded, or until
    ``work.stop`` is set.

    Returns (top, parts bounded, parts that can be split no further); state: the least margin of closed parts,
    the least bound of parts that stay open, and 1 where lines.point violates (its part stays on the stack).
    """
    done, stuck = 0, 0
    while top > 0 and done < limit:
        top -= 1
        clause, inherited, splits = parts.clause[top], parts.bound[top], parts.splits[top]
        for i in range(lines.low.shape[0]):
            lines.low[i], lines.high[i] = parts.low[top, i], parts.high[top, i]
        outcome, best, row = OPEN, inherited, whole(0)
        for _ in range(ROUNDS):
            done += 1
            outcome, best, row, again = _bound_once(chain, rows, clause, splits, bounds, work, lines, state)
            if outcome != OPEN or not again:
                break
        if outcome == VIOLATED:
            state[2] = 1.0
        if outcome in (VIOLATED, UNDONE):
            return top + 1, done, stuck
        if outcome == CLOSED:
            continue
        best = max(best, inherited)
        above = split(chain, parts, top, clause, best, row, bounds, lines)
        if above == top:
            stuck += 1
            state[1] = min(state[1], best)
        top = above
    return top, done, stuck
