"""A pool of actors that work pieces off, seen from the driver: who is there, who has what, who has been silent for too long.

Each worker holds the piece it works on and, while there are plenty, one more, so that it never waits for us. A worker that
dies, is pre-empted, hangs or cannot load is let go and replaced; its pieces go to others.
"""

import time
from collections.abc import Iterable
from typing import Any

import ray

from evalgate.cluster.ledger import Ledger
from evalgate.cluster.line import Line
from evalgate.cluster.messages import BEAT_S, OUR_OWN, AskOrder, Done, Ended, Failure, Pool, Want, Workers
from evalgate.cluster.worker import Worker
from evalgate.errors import NotMeasured

FETCH_S = 60.0
"""Seconds within which results that are ready must have come over the network."""
STUMBLES = 6
"""Times that a seat's worker may fail before it is left empty, unless a piece was finished in between."""

PLACING, LOADING, READY = "placing", "loading", "ready"


class _Seat:
    """One worker, and the calls that it has not answered: reference -> piece, the one it works on first."""

    def __init__(self) -> None:
        self.actor: Any = None
        self.phase = PLACING
        self.calls: dict[Any, int | None] = {}
        self.since = 0.0
        """When the first of the calls became the first."""
        self.stumbles = 0

    @property
    def first(self) -> tuple[int, ...]:
        """The piece that the worker works on, where it does."""
        place = next(iter(self.calls.values()), None)
        return () if place is None else (place,)


class _Crew:
    """The seats of a pool and its ledger."""

    def __init__(self, line: Line, order: AskOrder) -> None:
        self.line = line
        self.order = order
        self.ledger = Ledger(order.total, order.limits.tries)
        self.make = ray.put(order.make)
        self.seats = [_Seat() for _ in range(max(1, min(order.workers.most, order.total)))]
        self.asked_for = 0
        self.gpu_bytes = 0
        self.loaded_once = False
        self.last: Failure | None = None
        for seat in self.seats:
            self.hire(seat)

    def hire(self, seat: _Seat) -> None:
        """A new worker on a seat."""
        order = self.order
        options = {
            "num_cpus": order.workers.cpus,
            "num_gpus": order.workers.gpus or None,
            "max_restarts": 0,
            "max_task_retries": 0,
        }
        kind = ray.remote(Worker).options(**options, scheduling_strategy="SPREAD")
        seat.actor, seat.phase, seat.since = kind.remote(), PLACING, time.monotonic()
        seat.calls = {seat.actor.here.remote(): None}

    def lose(self, seat: _Seat, failure: Failure, *begun: int) -> None:
        """Let a worker go and give its pieces back, those `begun` as tried; whoever comes after it sits on the same seat."""
        ray.kill(seat.actor, no_restart=True)
        self.last = failure
        tried = failure.told if failure.kind != "preempted" else None
        for place in reversed(list(seat.calls.values())):
            if place is not None:
                self.ledger.give_back(place, tried if place in begun else None)
        seat.calls = {}
        seat.stumbles += 1
        limit = STUMBLES if self.loaded_once else self.order.limits.tries
        if seat.stumbles >= limit:
            self.seats.remove(seat)
        else:
            self.hire(seat)

    def listen(self) -> None:
        """Take in the pieces that were sent."""
        for piece in self.line.heard():
            self.ledger.put(piece.place, piece.content)

    def hand_out(self) -> None:
        """Give pieces to workers, one to each first; a second one only while more are left than there are workers."""
        ready = [seat for seat in self.seats if seat.phase == READY]
        for most in (1, 2):
            for seat in ready:
                plenty = self.ledger.open - self.ledger.held + self.ledger.waiting > len(ready)
                if len(seat.calls) < most and (most == 1 or plenty):
                    self._give(seat)
        room = 3 * max(1, len(ready)) - (self.ledger.held + self.asked_for - self.received)
        if room > 0 and self.asked_for < self.order.total:
            more = min(room, self.order.total - self.asked_for)
            self.asked_for += more
            self.line.say(Want(more))

    @property
    def received(self) -> int:
        """Pieces that have come in so far."""
        return self.ledger.held + self.ledger.done + len(self.ledger.given_up)

    def _give(self, seat: _Seat) -> None:
        taken = self.ledger.take()
        if taken is None:
            return
        if not seat.calls:
            seat.since = time.monotonic()
        seat.calls[seat.actor.do.remote(taken[1])] = taken[0]

    def hear(self, seat: _Seat, call: Any) -> None:
        """What a worker answered to one call."""
        try:
            answer = ray.get(call, timeout=FETCH_S)
        except ray.exceptions.RayTaskError as error:
            raise _Final(Failure(OUR_OWN, (str(error).strip()[-2_000:],), True)) from error
        except ray.exceptions.RayError as error:
            self.lose(seat, _death(error), *seat.first)
            return
        place = seat.calls[call]
        if isinstance(answer, Failure):
            self._failed(seat, call, answer)
            return
        del seat.calls[call]
        seat.since = time.monotonic()
        if place is not None:
            self._answered(seat, place, answer)
        elif seat.phase == PLACING:
            seat.phase, seat.calls = LOADING, {seat.actor.load.remote(self.make): None}
        else:
            seat.phase, self.loaded_once = READY, True

    def _answered(self, seat: _Seat, place: int, answer: tuple[bytes, int]) -> None:
        results, gpu_bytes = answer
        seat.stumbles, self.gpu_bytes = 0, max(self.gpu_bytes, gpu_bytes)
        if self.ledger.finish(place):
            self.line.say(Done(place, results))

    def _failed(self, seat: _Seat, call: Any, failure: Failure) -> None:
        place = seat.calls[call]
        if failure.final:
            raise _Final(failure)
        if place is None or failure.kind != "NotMeasured":  # what a card or a process is worth after an error, nobody knows
            self.lose(seat, failure, *seat.first)
        else:  # what was asked failed, the worker is as good as before
            del seat.calls[call]
            seat.since, self.last = time.monotonic(), failure
            self.ledger.give_back(place, failure.told)

    def let_go_of_the_silent(self) -> None:
        """Workers that have been silent for too long are let go."""
        now = time.monotonic()
        for seat in list(self.seats):
            if seat.calls and seat.phase != PLACING and now - seat.since > self.order.limits.patience_s:
                done = "load" if seat.phase == LOADING else "answer"
                why = f"a worker did not {done} within {self.order.limits.patience_s:g} s"
                self.lose(seat, Failure("silent", (why,), False), *seat.first)

    def refuse_no_room(self) -> None:
        """Nothing, or an error: no worker has found room.

        Raises:
            NotMeasured: that is so since `room_s`.
        """
        placed = any(seat.phase != PLACING for seat in self.seats)
        if placed or not self.seats or time.monotonic() - min(seat.since for seat in self.seats) < self.order.limits.room_s:
            return
        raise NotMeasured(lacking(self.order.workers, self.order.limits.room_s, "evaluate"))

    def pool(self) -> Pool:
        """How the pool stands."""
        ready = sum(seat.phase == READY for seat in self.seats)
        working = sum(place is not None for seat in self.seats for place in seat.calls.values())
        ledger = self.ledger
        waiting = ledger.open - working
        return Pool(ready, len(self.seats) - ready, waiting, working, ledger.done, ledger.retries, self.gpu_bytes)


class _Final(Exception):
    """Trying again cannot help."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.kind)
        self.failure = failure


def ask(line: Line, order: AskOrder) -> Ended:
    """Work all pieces off and send their results; how it ended.

    Raises:
        NotMeasured: there is no room for a worker.
    """
    crew, beat = _Crew(line, order), 0.0
    while crew.ledger.open and crew.seats and not line.closed:
        crew.listen()
        crew.hand_out()
        hungry = any(seat.phase == READY and not seat.calls for seat in crew.seats)
        try:
            for seat, call in _ready(crew.seats, 0.02 if hungry else 0.5):
                if call in seat.calls:  # else its worker was let go a moment ago
                    crew.hear(seat, call)
        except _Final as found:
            return Ended(found.failure)
        crew.let_go_of_the_silent()
        crew.refuse_no_room()
        if time.monotonic() - beat > BEAT_S:
            beat = time.monotonic()
            line.say(crew.pool())
    line.say(crew.pool())
    return Ended(_undone(crew))


def _ready(seats: Iterable[_Seat], patience_s: float) -> list[tuple[_Seat, Any]]:
    """Calls that are answered, after waiting for the first of them."""
    calls = {call: seat for seat in seats for call in seat.calls}
    if not calls:
        time.sleep(patience_s)
        return []
    ready, _ = ray.wait(list(calls), num_returns=1, timeout=patience_s)
    if ready:
        ready, _ = ray.wait(list(calls), num_returns=len(calls), timeout=0)
    return [(calls[call], call) for call in ready]


def _undone(crew: _Crew) -> Failure | None:
    """What is left undone, and why."""
    if not crew.ledger.open and not crew.ledger.given_up:
        return None
    if not crew.loaded_once and crew.last is not None:
        return crew.last
    left = crew.ledger.open + len(crew.ledger.given_up)
    reasons = list(crew.ledger.given_up.items())[:3]
    told = "; ".join(f"piece {place}: {why}, {crew.order.limits.tries} times" for place, why in reasons)
    if crew.ledger.open and crew.last is not None:
        told = f"{told}; " * bool(told) + f"no worker is left: {crew.last.told}"
    what = f"{left} of {crew.order.total} pieces of work could not be done: {told}. What was finished is kept: run again"
    return Failure("NotMeasured", (what,), True)


def _death(error: "ray.exceptions.RayError") -> Failure:
    if isinstance(error, ray.exceptions.ActorDiedError) and error.preempted:
        return Failure("preempted", ("its machine was taken away",), False)
    if isinstance(error, ray.exceptions.RayActorError):
        return Failure("died", ("a worker died, or its machine vanished",), False)
    return Failure(type(error).__name__, (next(iter(str(error).splitlines()), "")[:200],), False)


def lacking(workers: Workers, waited_s: float, key: str) -> str:
    """What a cluster without room for a single worker lacks; `key` is the policy's section."""
    needs = {"CPU": workers.cpus, **({"GPU": workers.gpus} if workers.gpus else {})}
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    wanted = " and ".join(f"{amount:g} {kind}" for kind, amount in needs.items())
    if any(all(node.get(kind, 0) >= amount for kind, amount in needs.items()) for node in nodes):
        told = f"ray: no worker found room within {waited_s:g} s: a node has {wanted}, but others use it"
        return f"{told}: wait, or lower {key}.workers"
    best = "; ".join(sorted({", ".join(f"{node.get(kind, 0):g} {kind}" for kind in needs) for node in nodes}))
    return (
        f"ray: no node has {wanted} for one worker (nodes have {best or 'nothing'}), and none came within {waited_s:g} s: lower "
        f"{key}.cpus_per_worker or {key}.gpus_per_worker, or add a node"
    )
