"""Tells a run event by event. Nothing in it waits, so that the run is the same as without."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from app.arm import Answer
from app.strategy import Clock, Entry, Loaded, Strategy, Why
from loadtest.sim.cluster.cluster import World
from loadtest.sim.cluster.invariants import Violation
from loadtest.sim.cluster.pod import Pod
from loadtest.sim.cluster.recorder import Recorder
from loadtest.sim.cluster.redis_server import Server, Way
from loadtest.sim.cluster.redis_trouble import Lost, Refused
from loadtest.workload.scenario import Scenario

T = TypeVar("T")


class Narrator:
    """Hands each event, up to `until_s`, to `take` as a line; the violation, if one is known, at its place."""

    def __init__(self, take: Callable[[str], None], violation: Violation | None, until_s: float = math.inf) -> None:
        self._take, self._until_s = take, until_s
        self._untold = violation if violation is not None and violation.at_s <= until_s else None
        self.clock: Clock | None = None

    def stage(self, scenario: Scenario, strategy: type[Strategy], seed: int, recorder: Recorder) -> World:
        """A world that is told of. See `loadtest.sim.cluster.simulate.Stage`."""
        return NarratedWorld(self, scenario, strategy, seed, recorder)

    def tell(self, who: str, what: str) -> None:
        """Something happens now."""
        now_s = self.clock.now_s() if self.clock is not None else 0.0
        if self._untold is not None and now_s > self._untold.at_s:
            self.end()
        if now_s <= self._until_s:
            self._take(f"{now_s:12.6f}  {who:7} {what}")

    def end(self) -> None:
        """There is no more: tell of the violation, where it is due."""
        if self._untold is not None:
            self._take(f"{self._untold.at_s:12.6f}  VIOLATION of {self._untold.invariant}: {self._untold.what}")
            self._untold = None


class NarratedWorld(World):
    """Its pods and its faults are told of."""

    def __init__(
        self, narrator: Narrator, scenario: Scenario, strategy: type[Strategy], seed: int, recorder: Recorder
    ) -> None:
        self._narrator = narrator
        super().__init__(scenario, strategy, seed, recorder)
        narrator.clock = self.clock

    def new_pod(self, number: int, make: Callable[..., Pod] = Pod) -> Pod:
        return super().new_pod(number, partial(NarratedPod, self._narrator))

    def tell(self, what: str) -> None:
        self._narrator.tell("", what)


class NarratedPod(Pod):
    """Its requests, commands and reads are told of."""

    def __init__(
        self,
        narrator: Narrator,
        number: int,
        strategy: type[Strategy],
        scenario: Scenario,
        seed: int,
        loop: Any,
        server: Server,
        *others: Any,
    ) -> None:
        self._tell = partial(narrator.tell, f"pod-{number + 1}")
        super().__init__(number, strategy, scenario, seed, loop, NarratedServer(server, self._tell), *others)
        self._silent = self.arm.answer
        self.arm.answer = self._answer  # type: ignore[method-assign]

    async def _answer(self, item_id: int) -> Answer:
        self._tell(f"is asked for {item_id}")
        try:
            answer = await self._silent(item_id)
        except BaseException as error:
            self._tell(f"does not answer for {item_id}: {error!r}")
            raise
        age = "" if answer.age_s is None else f", {answer.age_s:.6f} s old"
        self._tell(f"answers for {item_id}: {answer.code} {answer.status}{age}")
        return answer

    async def _read(self, item_id: int, key: str, why: Why) -> Loaded:
        self._tell(f"asks the origin for {item_id} ({why})")
        try:
            loaded = await super()._read(item_id, key, why)
        except BaseException as error:
            self._tell(f"has nothing from the origin for {item_id}: {error!r}")
            raise
        self._tell(f"has {item_id} from the origin, read at {loaded.read_at_s:.6f} s")
        return loaded


class NarratedServer(Way):
    """Implements `Server`: one pod's commands are told of as they reach it, with what it says to them."""

    def __init__(self, server: Server, tell: Callable[[str], None]) -> None:
        super().__init__(server)
        self._tell = tell
        self.meet = self._meet

    async def _meet(self, name: str, command: Callable[[], T]) -> T:
        try:
            return await self._server.meet(name, command)
        except (Lost, Refused) as error:
            self._tell(f"{name.upper()}: {error}")
            raise

    def get(self, key: str) -> Entry | None:
        entry = self._server.get(key)
        self._tell(f"GET {key}: {'nothing' if entry is None else self._about(entry)}")
        return entry

    def set(self, key: str, entry: Entry, until_ms: int) -> bool:
        stored = self._server.set(key, entry, until_ms)
        self._tell(f"SET {key} until {until_ms / 1000:.3f} s: {'stored' if stored else 'REFUSED, full'}")
        return stored

    def put(self, key: str, entry: Entry, until_ms: int, token: str) -> bool:
        stored = self._server.put(key, entry, until_ms, token)
        said = "stored, lock released, landing announced" if stored else "REFUSED"
        self._tell(f"PUT {key} until {until_ms / 1000:.3f} s under {token}, {self._about(entry)}: {said}")
        return stored

    def lock(self, key: str, token: str, lease_ms: int) -> bool:
        granted = self._server.lock(key, token, lease_ms)
        self._tell(f"LOCK {key} for {lease_ms} ms as {token}: {'granted' if granted else 'refused'}")
        return granted

    def renew(self, key: str, token: str, lease_ms: int) -> bool:
        renewed = self._server.renew(key, token, lease_ms)
        self._tell(f"RENEW {key} for {lease_ms} ms as {token}: {'renewed' if renewed else 'REFUSED'}")
        return renewed

    def unlock(self, key: str, token: str) -> bool:
        released = self._server.unlock(key, token)
        self._tell(f"UNLOCK {key} as {token}: {'released, announced' if released else 'not its lock'}")
        return released

    def _about(self, entry: Entry) -> str:
        left_s = entry.fresh_until_s - self.time_s()
        return f"read at {entry.read_at_s:.6f} s, {'fresh' if left_s > 0 else 'stale'} ({left_s:+.3f} s)"
