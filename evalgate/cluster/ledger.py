"""Which pieces wait, which are out, which count: pure bookkeeping, so that a piece counts once whatever workers do."""

from collections import deque


class Ledger:
    """The pieces of one job. A piece is out at one worker at a time, and is given out at most `tries` times."""

    def __init__(self, total: int, tries: int) -> None:
        self.total = total
        self.retries = 0
        self.given_up: dict[int, str] = {}
        """Place -> why nobody could do it."""
        self._tries = tries
        self._waiting: deque[int] = deque()
        self._content: dict[int, bytes] = {}
        self._lost: dict[int, int] = {}
        self._done: set[int] = set()

    @property
    def done(self) -> int:
        """Pieces whose results count."""
        return len(self._done)

    @property
    def held(self) -> int:
        """Pieces that are here and not done: waiting or out."""
        return len(self._content)

    @property
    def waiting(self) -> int:
        """Pieces that nobody works on."""
        return len(self._waiting)

    @property
    def open(self) -> int:
        """Pieces that are neither done nor given up, whether they are here yet or not."""
        return self.total - len(self._done) - len(self.given_up)

    def put(self, place: int, content: bytes) -> None:
        """A piece came in; one that was here before is not doubled."""
        if place not in self._content and place not in self._done and place not in self.given_up:
            self._content[place] = content
            self._waiting.append(place)

    def take(self) -> tuple[int, bytes] | None:
        """The next piece to give out; None where none waits."""
        if not self._waiting:
            return None
        place = self._waiting.popleft()
        return place, self._content[place]

    def finish(self, place: int) -> bool:
        """True when results of a piece count: the first time that they come, and while it is not given up."""
        if place not in self._content:
            return False
        del self._content[place]
        self._lost.pop(place, None)
        self._done.add(place)
        if place in self._waiting:  # it had been given back, and its first worker answered after all
            self._waiting.remove(place)
        return True

    def give_back(self, place: int, why: str | None = None) -> None:
        """A worker did not do a piece: it goes out again, before all others. `why`: it counts as a try, the worker had begun."""
        if place not in self._content or place in self._waiting:
            return
        if why is not None:
            self._lost[place] = self._lost.get(place, 0) + 1
            if self._lost[place] >= self._tries:
                del self._content[place], self._lost[place]
                self.given_up[place] = why
                return
            self.retries += 1
        self._waiting.appendleft(place)
