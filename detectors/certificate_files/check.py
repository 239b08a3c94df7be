"""Check certificates again from nothing: linear bounds (CROWN) of the general verification package on the raw
window prove every verdict and bound anew. A hash can be rewritten; a proof cannot.

A certificate is confirmed if its file is unchanged, it speaks of the window that lies in the data, its
statement fits its verdict, and for every case of its set the bounds proven here have the sign it claims and
reach the bound it claims up to TOLERANCE. That is for rounding, and for the different lines two linear
methods may draw; whatever the file says, the verdict itself is never granted a tolerance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import msgspec
import numpy as np

from detectors.certificate import ASSUMPTIONS, STATEMENTS, Certificate
from detectors.certificate_files.bundle import Bundle, Entry, sealed
from detectors.certificate_files.canonical import digest_of_values
from detectors.certificate_files.raw_problems import Case, RawProblems, Refuted, ScanMean
from detectors.certificate_files.windows import Recording
from detectors.dc import Floats
from detectors.members import build_all
from detectors.model import Model
from detectors.perturbation import Perturbation
from detectors.statements import stations
from detectors.verification.backward import lowest
from detectors.verification.box import Box
from detectors.verification.methods.crown import rows_by_lines
from detectors.verification.network import Network, chain
from detectors.verification.operations.activations import Activation
from detectors.verification.problem import Problem, Specification, above_zero, at_most_zero
from detectors.verification.propagation import Trace, propagate
from detectors.verification.rounding import ARITHMETICS
from detectors.verification.sets import Boxes
from streams.errors import BadInput

METHOD = "crown on the raw window"
TOLERANCE = 1e-6
"""Of a bound or score, times 1 + its size."""

BATCH = 32


class Checked(msgspec.Struct, frozen=True):
    """One certificate. outcome: "nothing claimed" for an uncertain verdict; bound: proven here."""

    domain: Literal["grid", "water"]
    t_s: float
    verdict: str
    outcome: Literal["confirmed", "not confirmed", "nothing claimed"]
    reason: str
    bound: tuple[float | None, float | None]
    claimed: tuple[float | None, float | None]


class Report(msgspec.Struct, frozen=True):
    """changed: alterations that the hashes show; the whole is confirmed if there are none and no certificate
    is left unconfirmed."""

    method: str
    confirmed: int
    not_confirmed: int
    nothing_claimed: int
    changed: tuple[str, ...]
    certificates: tuple[Checked, ...]

    @property
    def holds(self) -> bool:
        """Whether everything in the file is as it was written and proven."""
        return not self.not_confirmed and not self.changed


def check_bundle(
    bundle: Bundle, model: Model, recording: Recording, progress: Callable[[int, int], None] | None = None
) -> Report:
    """Prove every certificate of a bundle again.

    Raises BadInput where model, plant model or data are not those that were certified: then there is nothing
    to say of the certificates at all.
    """
    _require(bundle, model, recording)
    checker = _Checker(model, recording)
    found: list[Checked] = []
    for start in range(0, len(bundle.entries), BATCH):
        found += checker.check(bundle.entries[start : start + BATCH])
        if progress is not None:
            progress(len(found), len(bundle.entries))
    count = Counter(one.outcome for one in found)
    return Report(
        METHOD,
        count["confirmed"],
        count["not confirmed"],
        count["nothing claimed"],
        bundle.changed,
        tuple(found),
    )


def _require(bundle: Bundle, model: Model, recording: Recording) -> None:
    header = bundle.header
    for what, wanted, there in (
        ("model", header.model.sha256, model.digest()),
        ("plant model", header.plant_model_sha256, recording.run.plant.digest()),
        ("data", header.data.sha256, recording.digest()),
    ):
        if wanted != there:
            raise BadInput(what, f"sha256 {there[:16]}...", f"the {what} certified, sha256 {wanted[:16]}...")


class _Pending(msgspec.Struct):
    """A certificate whose cases are waiting for their bounds."""

    entry: Entry
    low: float = np.inf
    high: float = -np.inf
    score: float | None = None
    reason: str = ""


class _Checker:
    def __init__(self, model: Model, recording: Recording) -> None:
        self._model, self._recording = model, recording
        members = build_all(model, recording.run.plant, Perturbation(0.0))
        self._problems = RawProblems(members, recording.run.plant)

    def check(self, entries: Sequence[Entry]) -> list[Checked]:
        pending = [_Pending(entry) for entry in entries]
        waiting: dict[tuple[object, ...], list[tuple[_Pending, Case]]] = {}
        for one in pending:
            try:
                for case in self._cases(one.entry):
                    if one.score is None:
                        one.score = float(case.network(case.centre[None, :])[0, 0])
                    group = waiting.setdefault(case.key, [])
                    group.append((one, case))
                    if len(group) >= BATCH:
                        _bound(group)
                        group.clear()
            except (Refuted, BadInput) as error:
                one.reason = str(error)
        for group in waiting.values():
            _bound(group)
        return [_settle(one) for one in pending]

    def _cases(self, entry: Entry) -> Iterable[Case]:
        certificate = entry.certificate
        if certificate.verdict == "uncertain":
            return
        self._check_words(entry)
        rows, values = self._recording.window(certificate.domain, certificate.t_s)
        if rows != entry.rows or digest_of_values(*values) != entry.values_sha256:
            raise Refuted("the window in the data is another")
        if certificate.window_s != self._recording.length_s(certificate.domain, rows):
            raise Refuted("the window has another length")
        yield from self._problems.cases(certificate, *values)

    def _check_words(self, entry: Entry) -> None:
        """What a reader relies on, besides numbers."""
        certificate = entry.certificate
        own = certificate.free_stations == 0
        texts = (STATEMENTS if own else stations.STATEMENTS)[certificate.verdict]
        assumed = ASSUMPTIONS if own else stations.ASSUMPTIONS
        hashes = self._model.digest(), self._recording.run.plant.digest()
        if sealed(entry) != entry:
            raise Refuted("changed after it was written")
        if (certificate.statement, certificate.assumptions) != (texts, assumed):
            raise Refuted("statement or assumptions are not those of the verdict")
        if (certificate.model_sha256, certificate.plant_model_sha256) != hashes:
            raise Refuted("of another model or plant model")


def _bound(group: list[tuple[_Pending, Case]]) -> None:
    """Lower and upper bounds of the logit on every case of one network, at once."""
    if not group:
        return
    low, high = np.array([case.low for _, case in group]), np.array([case.high for _, case in group])
    network, box = _behind_means(group[0][1].network, Box(low, high))
    if not (np.isfinite(box.low).all() and np.isfinite(box.high).all()):
        for one, _ in group:
            one.low, one.high = -np.inf, np.inf
        return
    region = Boxes(*box)
    both = Specification((*above_zero().clauses, *at_most_zero().clauses))
    problem = Problem(network, region, both)
    with np.errstate(all="ignore"):
        trace = propagate(network, region, ARITHMETICS["binary64"])
        _tighten(trace)
        found: Floats = rows_by_lines(trace, problem)
    found = np.where(np.isnan(found), -np.inf, found)
    for (one, _), (least, minus_most) in zip(group, found.tolist(), strict=True):
        one.low, one.high = min(one.low, least), max(one.high, -minus_most)


def _behind_means(network: Network, box: Box) -> tuple[Network, Box]:
    """Where the network begins with means over scans: the rest of it, and the box of the means, in which
    every evaluation of them lies as well. Nothing is lost, and lines have far fewer inputs to go back to."""
    first = network.nodes[0].operation
    if not isinstance(first, ScanMean):
        return network, box
    with np.errstate(all="ignore"):
        found = first.bound((box,), ARITHMETICS["binary64"]).box
    return chain([node.operation for node in network.nodes[1:]], network.sizes[1]), found


def _tighten(trace: Trace) -> None:
    """Lines for every value that enters an activation, decided ones too, so that no interval of an earlier
    operation (which forgets that rows share their inputs) is left in the bound."""
    for node, (operation, inputs) in enumerate(trace.network.nodes):
        if isinstance(operation, Activation):
            value = inputs[0]
            box, size = trace.values[value].box, trace.network.sizes[value]
            rows = np.broadcast_to(np.eye(size), (trace.region.batch, size, size))
            error = trace.evaluation_error_of(value)
            low = np.fmax(box.low, lowest(trace, value, rows) - error)
            high = np.fmin(box.high, -lowest(trace, value, -rows) + error)
            trace.tighten(value, Box(np.nextafter(low, -np.inf), np.nextafter(high, np.inf)))
        trace.forward(node)


def _settle(one: _Pending) -> Checked:
    certificate = one.entry.certificate
    if certificate.verdict == "uncertain" and not one.reason:
        return _checked(certificate, "nothing claimed", "", (None, None))
    reason = one.reason or _fault(certificate, one)
    bound = tuple(x if np.isfinite(x) else None for x in (one.low, one.high))
    return _checked(certificate, "not confirmed" if reason else "confirmed", reason, bound)  # type: ignore[arg-type]


def _fault(certificate: Certificate, one: _Pending) -> str:
    """Why a certificate is not confirmed; "" if it is."""
    low, high = certificate.bound
    alarm = certificate.verdict == "certified_alarm"
    if low is None or high is None or certificate.margin is None:
        return "a certified verdict without bound or margin"
    if not (one.low > 0.0 if alarm else one.high <= 0.0):
        return "the verdict could not be proven"
    if not (low > 0.0 if alarm else high <= 0.0) or certificate.margin != (low if alarm else -high):
        return "verdict, bound and margin contradict each other"
    spare = TOLERANCE * (1.0 + max(abs(low), abs(high)))
    if one.low < low - spare or one.high > high + spare:
        return "the bound could not be proven"
    score = one.score if one.score is not None else np.nan
    if not abs(score - certificate.score) <= TOLERANCE * (1.0 + abs(score)):
        return "the score is another"
    return ""


def _checked(
    certificate: Certificate,
    outcome: Literal["confirmed", "not confirmed", "nothing claimed"],
    reason: str,
    bound: tuple[float | None, float | None],
) -> Checked:
    return Checked(
        certificate.domain, certificate.t_s, certificate.verdict, outcome, reason, bound, certificate.bound
    )
