"""A piecewise linear network over a set as a mixed-integer programme (Tjeng et al. 2019).

Every value of the network is a block of columns, scaled by its largest size to at most 1; an open ReLU has a
binary column that says on which side of 0 its input is, with the bounds of the input as big-M; an open
maximum has one for each member that may be the largest.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.verification.box import Box
from detectors.verification.deadline import Deadline
from detectors.verification.operations import Affine, LeakyRelu, Maximum, Relu
from detectors.verification.problem import Clause
from detectors.verification.propagation import Trace
from streams.errors import BadInput

Floats = NDArray[np.float64]

FEASIBILITY = 1e-9
"""HiGHS's tolerance, absolute, on rows whose largest coefficient is 1."""


class Programme:
    """Columns and rows of one network over one set; ``solve`` minimises the worst row of a clause."""

    def __init__(self, trace: Trace) -> None:
        self._low: list[float] = []
        self._high: list[float] = []
        self._integral: list[bool] = []
        self._rows: list[tuple[float, list[int], list[float], float]] = []
        self._blocks: list[NDArray[np.intp]] = []
        self._scales: list[Floats] = []
        self._add_block(trace.values[0].box)
        self._add_set(trace)
        for node, (operation, inputs) in enumerate(trace.network.nodes):
            self._add_block(trace.values[node + 1].box)
            if isinstance(operation, Affine):
                self._affine(operation, inputs, node + 1, trace.deadline)
            elif isinstance(operation, Relu | LeakyRelu):
                leak = operation.leak if isinstance(operation, LeakyRelu) else 0.0
                self._leaky(leak, inputs[0], node + 1, trace.values[inputs[0]].box)
            elif isinstance(operation, Maximum):
                self._maximum(operation, inputs, node + 1, trace)
            else:
                name = type(operation).__name__
                allowed = "affine, ReLU, leaky ReLU or maximum for this method"
                raise BadInput(f"operation {node + 1}", name, allowed)

    def _column(self, low: float, high: float, integral: bool = False) -> int:
        self._low.append(low)
        self._high.append(high)
        self._integral.append(integral)
        return len(self._low) - 1

    def _add_block(self, box: Box) -> None:
        if not (np.isfinite(box.low).all() and np.isfinite(box.high).all()):
            raise OverflowError
        scale = np.where(box.size[0] > 1e-290, box.size[0], 1.0)
        ends = zip(box.low[0] / scale, box.high[0] / scale, strict=True)
        self._blocks.append(np.array([self._column(low, high) for low, high in ends], dtype=np.intp))
        self._scales.append(scale)

    def _row(self, low: float, terms: list[tuple[int, float]], high: float) -> None:
        """low <= sum of terms <= high, scaled to a largest coefficient of 1."""
        kept = [(column, factor) for column, factor in terms if factor != 0.0]
        if kept:
            size = max(abs(factor) for _, factor in kept)
            columns, factors = [c for c, _ in kept], [f / size for _, f in kept]
            self._rows.append((low / size, columns, factors, high / size))

    def _terms(self, value: int, factors: Floats) -> list[tuple[int, float]]:
        return list(zip(self._blocks[value].tolist(), (factors * self._scales[value]).tolist(), strict=True))

    def _term(self, value: int, entry: int, factor: float) -> tuple[int, float]:
        return int(self._blocks[value][entry]), factor * float(self._scales[value][entry])

    def _add_set(self, trace: Trace) -> None:
        """Linear constraints of the set, where it has some beside its hull."""
        matrix = getattr(trace.region, "matrix", None)
        if matrix is not None:
            sides = getattr(trace.region, "row_low"), getattr(trace.region, "row_high")  # noqa: B009
            for row, low, high in zip(matrix, *sides, strict=True):
                self._row(float(low), self._terms(0, row), float(high))

    def _affine(self, operation: Affine, inputs: tuple[int, ...], value: int, deadline: Deadline) -> None:
        for j, bias in enumerate(operation.bias):
            deadline.check()
            terms = [self._term(value, j, -1.0)]
            for matrix, i in zip(operation.matrices, inputs, strict=True):
                terms += self._terms(i, matrix[j])
            self._row(-float(bias), terms, -float(bias))

    def _leaky(self, leak: float, value: int, result: int, box: Box) -> None:
        """y = max(z, leak z): equal to one of them where the sign is known, else above both and, by the
        binary column, at most one of them."""
        for j, (low, high) in enumerate(zip(box.low[0], box.high[0], strict=True)):
            y = self._term(result, j, 1.0)
            if low >= 0.0 or high <= 0.0:
                self._row(0.0, [y, self._term(value, j, -1.0 if low >= 0.0 else -leak)], 0.0)
                continue
            on = self._column(0.0, 1.0, integral=True)
            self._row(0.0, [y, self._term(value, j, -1.0)], np.inf)
            self._row(0.0, [y, self._term(value, j, -leak)], np.inf)
            self._row(
                -np.inf, [y, self._term(value, j, -1.0), (on, -(1.0 - leak) * low)], -(1.0 - leak) * low
            )
            self._row(-np.inf, [y, self._term(value, j, -leak), (on, -(1.0 - leak) * high)], 0.0)

    def _maximum(self, operation: Maximum, inputs: tuple[int, ...], value: int, trace: Trace) -> None:
        """y = max x_i: at least each member that may be the largest and, by the binary column of one of them,
        at most that one: y <= x_i + (h - l_i) (1 - a_i), h the highest end of the others, sum a_i = 1."""
        entries = [(i, entry) for i in inputs for entry in range(trace.network.sizes[i])]
        for j, group in enumerate(operation.groups):
            members = [entries[m] for m in dict.fromkeys(group.tolist())]
            low = np.array([trace.values[i].box.low[0, entry] for i, entry in members])
            high = np.array([trace.values[i].box.high[0, entry] for i, entry in members])
            y, able = self._term(value, j, 1.0), np.flatnonzero(high >= low.max())
            if len(able) == 1:
                self._row(0.0, [y, self._term(members[able[0]][0], members[able[0]][1], -1.0)], 0.0)
                continue
            chosen = [self._column(0.0, 1.0, integral=True) for _ in able]
            self._row(1.0, [(column, 1.0) for column in chosen], 1.0)
            for m, column in zip(able, chosen, strict=True):
                i, entry = members[m]
                x = self._term(i, entry, -1.0)
                most = float(high[able[able != m]].max() - low[m])
                self._row(0.0, [y, x], np.inf)
                self._row(-np.inf, [y, x, (column, max(most, 0.0))], max(most, 0.0))

    @property
    def binaries(self) -> int:
        """Open activations, and members of open maxima."""
        return sum(self._integral)

    def solve(self, clause: Clause, timeout_s: float, relaxed: bool = False) -> tuple[float, Floats | None]:
        """(dual bound of the least worst row of matrix @ y - limits, the best input found), -inf and None
        where there is none; HiGHS's word, up to its tolerances. relaxed: binary columns may be fractions."""
        highs, inf = _highs(timeout_s)
        model, unit = self._model(clause, inf, relaxed)
        highs.passModel(model)
        highs.run()
        status, info = highs.getModelStatus(), highs.getInfo()
        import highspy

        whole = self.binaries > 0 and not relaxed
        bound = info.mip_dual_bound if whole else info.objective_function_value
        if status != highspy.HighsModelStatus.kOptimal and not whole:
            return -np.inf, None
        if status not in (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kTimeLimit):
            return -np.inf, None
        point = None
        if info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible:
            point = np.asarray(highs.getSolution().col_value)[self._blocks[0]] * self._scales[0]
        return float(bound) * unit, point

    def _model(self, clause: Clause, inf: float, relaxed: bool) -> tuple[Any, float]:
        """The programme, and the unit of its objective: the clause's largest number, because HiGHS takes
        coefficients below 1e-9 for 0."""
        import highspy

        worst = len(self._low)
        rows = list(self._rows)
        last = len(self._blocks) - 1
        own = [[(c, f) for c, f in self._terms(last, row) if f != 0.0] for row in clause.matrix]
        sizes = [abs(f) for terms in own for _, f in terms]
        unit = max(float(np.abs(clause.limits).max()), *sizes, 0.0) or 1.0
        for terms, limit in zip(own, clause.limits, strict=True):
            columns = [worst, *(c for c, _ in terms)]
            rows.append((-float(limit) / unit, columns, [1.0, *(-f / unit for _, f in terms)], inf))
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = worst + 1, len(rows)
        model.col_cost_ = np.append(np.zeros(worst), 1.0)
        model.col_lower_, model.col_upper_ = np.array([*self._low, -inf]), np.array([*self._high, inf])
        model.row_lower_ = np.clip([row[0] for row in rows], -inf, inf)
        model.row_upper_ = np.clip([row[3] for row in rows], -inf, inf)
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = np.cumsum([0, *(len(row[1]) for row in rows)], dtype=np.int32)
        model.a_matrix_.index_ = np.concatenate([row[1] for row in rows]).astype(np.int32)
        model.a_matrix_.value_ = np.concatenate([row[2] for row in rows])
        if not relaxed:
            kinds = highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger
            model.integrality_ = [kinds[integral] for integral in [*self._integral, False]]
        return model, unit


def _highs(timeout_s: float) -> tuple[Any, float]:
    import highspy

    highs = highspy.Highs()
    options = {
        "output_flag": False,
        "threads": 1,
        "time_limit": min(max(timeout_s, 0.0), 1e9),
        "mip_rel_gap": 0.0,
        "mip_abs_gap": 1e-9,
        "primal_feasibility_tolerance": FEASIBILITY,
        "dual_feasibility_tolerance": FEASIBILITY,
        "mip_feasibility_tolerance": FEASIBILITY,
    }
    for option, value in options.items():
        highs.setOptionValue(option, value)
    return highs, highspy.kHighsInf
