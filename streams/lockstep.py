"""Lockstep: roles take part in exchange after exchange, each waiting only for what it reads.

Within an exchange the order is plant, estimator, detectors, hub, responder, control, attacker, recorder. It
follows from the lags that the roles declare, so it holds in one process and in many alike.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from streams.bus import Bus, Record
from streams.codec import encode
from streams.errors import BreakwaterError, RunFailed
from streams.inbox import WRITTEN_ONCE, Aborted, Inbox
from streams.messages import Abort, DeadLetter, Marker
from streams.role import Outgoing, Role
from streams.sequence import Sequencer
from streams.topics import DEAD_LETTER, full_name

TIMEOUT_S = 120.0
"""Wall seconds that a participant waits for the others in one exchange; loading and compiling fit in."""

ABORT_S = 2.0
"""Wall seconds for an abort to be stored: a run that fails ends soon, whether or not its bus still works."""

DEAD_LETTER_BYTES = 1 << 20
"""Of a malformed record's payload that much is kept: several readers each write what may be a long one."""

_TEXT_CHARACTERS = 1000
"""Of its key and of the reason, which may quote from it, that much."""


class Part(Protocol):
    """What the others must know of a role: see ``streams.role.Role``."""

    @property
    def name(self) -> str:
        """Producer name for markers."""
        ...

    @property
    def reads(self) -> Mapping[str, int]:
        """Topic -> lag."""
        ...

    @property
    def writes(self) -> Sequence[str]:
        """Every topic it may write."""
        ...


def writers(roles: Sequence[Part]) -> dict[str, frozenset[str]]:
    """Topic -> names of the roles that write it: what each participant of a run expects.

    roles: all that take part, in the order of an exchange. Raises RunFailed where two have one name, or where
    one reads with lag 0 what a later one writes: they would wait for each other for ever.
    """
    names: dict[str, set[str]] = defaultdict(set)
    for i, role in enumerate(roles):
        for later in roles[i:]:
            if later is not role and later.name == role.name:
                raise RunFailed(f"two roles of a run are called {role.name}")
            for topic in set(later.writes) & {topic for topic, lag in role.reads.items() if lag == 0}:
                raise RunFailed(
                    f"{role.name} reads {topic} of the same exchange, but {later.name} acts later"
                )
        for topic in role.writes:
            names[topic].add(role.name)
    return {topic: frozenset(found) for topic, found in names.items()}


class Participant:
    """One role on a bus. The run's topics (``bus.topics_of``) must have been declared on it.

    expected: see ``writers``; exchange_s: simulated seconds per exchange, exchange k being at k * exchange_s.
    notice: the abort that it sent or passed on, None as long as all is well.
    """

    def __init__(
        self,
        role: Role,
        bus: Bus,
        run: str,
        expected: Mapping[str, Collection[str]],
        exchange_s: float,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.role = role
        self._bus = bus
        self._run = run
        self._exchange_s = exchange_s
        self._k = 0
        self.notice: Abort | None = None
        self._own = [topic for topic in role.writes if set(expected.get(topic, ())) == {role.name}]
        self._dead_letters = Sequencer()
        self._written = {topic: full_name(run, topic) for topic in role.writes}
        self._inbox = Inbox(bus, run, role.reads, expected, timeout_s, self._dead_letter)

    def exchange(self, k: int) -> None:
        """Take part in exchange k: gather what is due, let the role act, publish, mark the end.

        Raises what the role raised, or RunFailed when the run cannot go on; the others are told either way.
        """
        self._k = k
        try:
            if k == 0:
                self._check_unused()
            t_s = k * self._exchange_s
            self._publish(k, t_s, self.role.step(k, t_s, self._inbox.gather(k)))
        except BaseException as error:
            self.abort(error)
            raise

    def run(self, n_exchanges: int) -> None:
        """Take part from exchange 0 to the end, alone in this process, and close the role."""
        run_lockstep([self], n_exchanges)

    def abort(self, error: BaseException) -> None:
        """Tell every participant that shares a topic with this one to stop. Does so once."""
        if self.notice is not None:
            return
        if isinstance(error, Aborted):
            # Passed on as it came, so that everyone names the one that failed first.
            self.notice = error.abort
        else:
            reason = str(error) if isinstance(error, RunFailed) else f"{type(error).__name__}: {error}"
            t_s = self._k * self._exchange_s
            self.notice = Abort(producer=self.role.name, seq=0, k=self._k, t_s=t_s, reason=reason)
        payload = encode(self.notice)
        # On topics it only reads as well: a recorder writes none, and still must be able to stop the run.
        # A broker that is gone must not hide the first error; the others then find out by waiting.
        with contextlib.suppress(BreakwaterError):
            for topic in {*self.role.writes, *self.role.reads}:
                self._bus.publish_to(full_name(self._run, topic), 0, payload)
            self._bus.flush(ABORT_S)

    def finish(self) -> None:
        """After the last exchange: refuse what is left over on the topics that the role reads.

        Raises RunFailed when there is something, Aborted when another participant gave up meanwhile.
        """
        try:
            self._inbox.finish(self._k)
            self._bus.flush()
        except BaseException as error:
            self.abort(error)
            raise

    def close(self) -> None:
        """Stop reading and close the role."""
        self._inbox.close()
        self.role.close()

    def _check_unused(self) -> None:
        """Refuse topics that only this role writes and that hold something: it would be read as new."""
        for topic in self._own:
            if not self._bus.empty(self._written[topic]):
                raise RunFailed(
                    f"topic {self._written[topic]} holds messages already: the run id {self._run} was used "
                    "before; choose another"
                )

    def _publish(self, k: int, t_s: float, outgoing: Sequence[Outgoing]) -> None:
        payloads: dict[str, list[tuple[str, bytes]]] = {
            topic: [] for topic in self._written if k == 0 or topic not in WRITTEN_ONCE
        }
        for out in outgoing:
            topic, message = out.topic, out.message
            if topic not in payloads or message.k != k:
                raise RunFailed(
                    f"{self.role.name}: a message of exchange {message.k} on topic {topic} in exchange {k} "
                    f"is not allowed; allowed: {', '.join(payloads) or 'none'}"
                )
            payloads[topic].append((out.key, encode(message)))
        for topic, keyed in payloads.items():
            counts = self._bus.publish_all(self._written[topic], keyed)
            for partition, count in enumerate(counts):
                marker = Marker(producer=self.role.name, seq=k, k=k, t_s=t_s, count=count)
                self._bus.publish_to(self._written[topic], partition, encode(marker))
        self._bus.flush()

    def _dead_letter(self, topic: str, record: Record, reason: str) -> None:
        name = self.role.name
        letter = DeadLetter(
            producer=name,
            seq=self._dead_letters.next(DEAD_LETTER, name),
            k=self._k,
            t_s=self._k * self._exchange_s,
            topic=topic,
            partition=record.partition,
            key=record.key[:_TEXT_CHARACTERS],
            payload=record.payload[:DEAD_LETTER_BYTES],
            reason=reason[:_TEXT_CHARACTERS],
        )
        self._bus.publish(full_name(self._run, DEAD_LETTER), name, encode(letter))


def run_lockstep(
    participants: Sequence[Participant],
    n_exchanges: int,
    on_progress: Callable[[int], None] | None = None,
) -> None:
    """Take all of one process's participants through ``n_exchanges``, in the order given, and close them.

    on_progress is called with the number of exchanges done. Raises the first error of a participant after
    telling those in other processes.
    """
    with contextlib.ExitStack() as closing:
        for participant in participants:
            closing.callback(participant.close)
        try:
            for k in range(n_exchanges):
                for participant in participants:
                    participant.exchange(k)
                if on_progress is not None:
                    on_progress(k + 1)
            for participant in participants:
                participant.finish()
        except BaseException as error:
            first = next((p.notice for p in participants if p.notice is not None), None)
            for participant in participants:
                participant.abort(error if first is None else Aborted(first))
            raise
