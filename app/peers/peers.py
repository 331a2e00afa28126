"""The other pods: which of them a key belongs to, which are away, and how one of them is asked to load it.

A miss is asked of the pod that the key belongs to (`app.peers.rendezvous`), where all misses of the key meet. How a
question gets there is an `AskPeer`: HTTP in the service (`app.peers.client`), a simulated network in virtual time.

A pod that works says so (see `app.peers.reply`). One that refuses, hangs up, is silent for `peer_timeout_ms` or answers
nonsense is away: all that is asked of it fails with `PeerAway`. For `peer_pause_ms` it is left out of every ranking, so
that its keys belong to the next in line. Then one question tries it again, as a breaker's probe does; the others
leave it out until it has given a sign.

Pods may disagree for a moment about who is there. The pod that is asked never asks another one. So a key is loaded at
most once for each opinion about its owner.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import NamedTuple, Protocol, Self

from app import budget
from app.deadlines import Deadlines
from app.peers.rendezvous import ranking
from app.settings import Settings
from app.strategy import Lookup, OriginFailed, PeerAway, Shed, Status
from app.tasks import Tasks

RANKS_MAX = 3
"""Pods of a ranking: the key's owner and two that stand in for it; beyond them a pod loads by itself."""

came_by_hop: ContextVar[bool] = ContextVar("asked by another pod", default=False)
"""Whether the running request is another pod's question, which is answered here."""


class PeerOutcome(StrEnum):
    """How a question to another pod ended."""

    ANSWERED = "answered"
    FAILED = "failed"  # the load there failed, or was shed
    AWAY = "away"  # no usable reply
    GAVE_UP = "gave up"  # no reply within `wait_ms_max`, from a pod that works


class PeerQuestion(NamedTuple):
    """A question to another pod: an item of a strategy, and the time that the request has left for the cache."""

    strategy: str
    item_id: int
    cache_s: float


class AskPeer(Protocol):
    """The way of a question to another pod and back."""

    async def __call__(self, pod: str, question: PeerQuestion, heard: Callable[[], None]) -> Lookup:
        """The lookup there; `heard` is called at each sign of it. Raises `PeerAway`, `OriginFailed` or `Shed`."""
        ...


class PeerEvents(Protocol):
    """The observer of the questions of one strategy: the strategy runner's metrics in the service."""

    def peer_asked(self, outcome: PeerOutcome) -> None:
        """A question to another pod has ended."""
        ...


@dataclass(frozen=True, slots=True)
class PeerBounds:
    """The bounds of questions, from the settings of the same names, with times in seconds."""

    timeout_s: float
    pause_s: float
    wait_s_max: float
    asks_max: int
    flights_max: int
    cache_s: float

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(
            timeout_s=settings.peer_timeout_ms / 1000,
            pause_s=settings.peer_pause_ms / 1000,
            wait_s_max=settings.wait_ms_max / 1000,
            asks_max=settings.peer_asks_max,
            flights_max=settings.flights_max,
            cache_s=settings.cache_budget_ms / 1000,
        )


_Place = tuple[str, str, bool]
"""A pod, a key, and whether who asks has time left for the cache."""


class _Ask:
    """A question under way, whose answer all requests of this pod for the key wait for."""

    __slots__ = ("answer", "events", "place", "pod", "question", "work")
    work: asyncio.Task[None]

    def __init__(self, place: _Place, question: PeerQuestion, events: PeerEvents) -> None:
        self.place, self.pod, self.question, self.events = place, place[0], question, events
        self.answer: asyncio.Future[Lookup] = asyncio.get_running_loop().create_future()


async def _nobody(pod: str, question: PeerQuestion, heard: Callable[[], None]) -> Lookup:
    raise PeerAway("this pod knows no other")


class PodPeers:
    """The other pods as one pod sees them, for all of its strategies."""

    def __init__(
        self,
        own_name: str,
        bounds: PeerBounds,
        monotonic_s: Callable[[], float],
        ask: AskPeer = _nobody,
        pods: Iterable[str] = (),
        died: Callable[[str], None] = lambda kind: None,
        close_ways: Callable[[], None] = lambda: None,
    ) -> None:
        """`pods` are the names of all, this one included or not.

        `died` is called with the kind of each background task that died of a fault, `close_ways` at the end.
        """
        self.own_name, self._bounds, self._monotonic_s, self._ask = own_name, bounds, monotonic_s, ask
        self._close_ways = close_ways
        self._pods: frozenset[str] = frozenset()
        self.meet(pods)
        self._tasks = Tasks(died)
        self._asks: dict[_Place, _Ask] = {}
        self._away_until_s: dict[str, float] = {}
        """The end of the pause of each pod that was away and has given no sign since."""
        self._slots = asyncio.Semaphore(bounds.asks_max)
        self._silences = Deadlines(bounds.timeout_s, self._be_silent)
        self._waits = Deadlines(bounds.wait_s_max, self._give_up)

    def __len__(self) -> int:
        """The questions under way."""
        return len(self._asks)

    @property
    def connections(self) -> int:
        """The most connections to other pods at once; 0 where this one knows none."""
        return self._bounds.asks_max if self._ask is not _nobody else 0

    def meet(self, pods: Iterable[str]) -> None:
        """Know these pods from now on, and no others; questions that are under way go on."""
        self._pods = frozenset(pods)
        if self.own_name not in self._pods:  # else pods in one process share a set
            self._pods |= {self.own_name}

    def ranked(self, key: str) -> Sequence[str]:
        """See `app.strategy.Peers.ranked`."""
        if len(self._pods) == 1 or came_by_hop.get():
            return (self.own_name,)
        now_s, away_until_s = self._monotonic_s(), self._away_until_s
        return ranking((pod for pod in self._pods if away_until_s.get(pod, now_s) <= now_s), key)[:RANKS_MAX]

    async def load_at(self, pod: str, strategy: str, key: str, events: PeerEvents) -> Lookup:
        """See `app.strategy.Peers.load_at`."""
        patience = budget.current.get()
        cache_s = self._bounds.cache_s if patience is None else max(0.0, patience.left_s)
        # who has no time left for the cache waits for none of another's, which the other pod may spend on it
        place = (pod, key, cache_s > 0)
        ask, is_mine = self._asks.get(place), False
        if ask is None:
            question = PeerQuestion(strategy, int(key.rpartition(":")[2]), cache_s)
            ask, is_mine = self._begin(place, question, events), True
        lookup = await asyncio.shield(ask.answer)  # so that no request can cancel it
        if is_mine and lookup.status is not Status.HIT:  # it was there by then: another's load
            return lookup
        return Lookup(Status.COLLAPSED, lookup.entry)

    async def aclose(self) -> None:
        """Cancel the questions that have not ended."""
        await self._tasks.aclose()
        self._silences.close()
        self._waits.close()
        self._close_ways()

    def _begin(self, place: _Place, question: PeerQuestion, events: PeerEvents) -> _Ask:
        if len(self._asks) >= self._bounds.flights_max:
            raise Shed(f"{self._bounds.flights_max} keys are asked of other pods (flights_max)")
        self._asks[place] = ask = _Ask(place, question, events)
        self._waits.begin(ask)
        pod, key, _ = place
        if pod in self._away_until_s:  # its pause is over: this question is the probe
            self._leave_alone(pod)
        ask.work = self._tasks.spawn(self._carry_out(ask), "peer", key, partial(self._over, ask))
        return ask

    async def _carry_out(self, ask: _Ask) -> None:
        try:
            async with self._slots:  # the wait for one is this pod's own, and no silence of the other
                self._silences.begin(ask)
                lookup = await self._ask(ask.pod, ask.question, partial(self._heard, ask))
            self._end(ask, PeerOutcome.ANSWERED, lookup)
        except PeerAway as away:
            self._lose(ask.pod, away)
        except (OriginFailed, Shed) as failed:
            self._end(ask, PeerOutcome.FAILED, failed)
        except Exception as error:
            self._end(ask, PeerOutcome.AWAY, error)
            raise

    def _over(self, ask: _Ask, work: "asyncio.Task[None]") -> None:
        """End a question whose work was cancelled, perhaps before it had begun: the pod ends."""
        if not ask.answer.done():
            self._forget(ask)
            ask.answer.cancel()

    def _heard(self, ask: _Ask) -> None:
        """Note a sign of the pod that is asked."""
        self._away_until_s.pop(ask.pod, None)
        if not ask.answer.done():
            self._silences.end(ask)
            self._silences.begin(ask)

    def _be_silent(self, ask: _Ask) -> None:
        self._lose(ask.pod, PeerAway(f"{ask.pod} was silent for {self._bounds.timeout_s:g} s (peer_timeout_ms)"))

    def _lose(self, pod: str, why: PeerAway) -> None:
        """Leave a pod alone, and end all that is asked of it."""
        self._leave_alone(pod)
        for ask in [ask for ask in self._asks.values() if ask.pod == pod]:
            self._end(ask, PeerOutcome.AWAY, PeerAway(str(why)))

    def _leave_alone(self, pod: str) -> None:
        self._away_until_s = {other: until_s for other, until_s in self._away_until_s.items() if other in self._pods}
        self._away_until_s[pod] = self._monotonic_s() + self._bounds.pause_s

    def _give_up(self, ask: _Ask) -> None:
        bound_s = self._bounds.wait_s_max
        self._end(ask, PeerOutcome.GAVE_UP, Shed(f"no answer of {ask.pod} within {bound_s:g} s (wait_ms_max)"))

    def _end(self, ask: _Ask, outcome: PeerOutcome, result: Lookup | Exception) -> None:
        """Answer who waits; what goes on for the question ends."""
        if ask.answer.done():
            return
        self._forget(ask)
        if isinstance(result, Exception):
            ask.answer.set_exception(result)
            ask.answer.exception()  # is known, should all who waited have gone
        else:
            ask.answer.set_result(result)
        ask.events.peer_asked(outcome)
        if ask.work is not asyncio.current_task():
            ask.work.cancel()

    def _forget(self, ask: _Ask) -> None:
        self._silences.end(ask)
        self._waits.end(ask)
        del self._asks[ask.place]


class StrategyPeers:
    """The other pods as one strategy sees them, which asks them for its own keys. Implements `app.strategy.Peers`."""

    def __init__(self, peers: PodPeers, strategy: str, events: PeerEvents) -> None:
        self._peers, self._strategy, self._events = peers, strategy, events
        self.own_name = peers.own_name
        self.ranked = peers.ranked

    def owner_of(self, key: str) -> str:
        return self.ranked(key)[0]

    async def load_at(self, pod: str, key: str) -> Lookup:
        return await self._peers.load_at(pod, self._strategy, key, self._events)
