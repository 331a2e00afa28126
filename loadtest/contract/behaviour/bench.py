"""The bench of a probe: pods that are instances of one contender, on one Redis, with an origin that books its loads."""

import asyncio
import sys
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from random import Random
from typing import Protocol

from app.contender import Contender, Site
from app.strategy import OriginFailed
from loadtest.contract.behaviour.origin import NoValue, ProbedOrigin, Value, read_value

PODS = 3
ERRORS_NAMED_MAX = 3
WORDS_CHARS_MAX = 300
CLOSE_S_MAX = 10.0
"""The longest that a contender may take to close, on the bench's clock."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The times of a bench, seconds: long ones in virtual time, and short ones where they really pass."""

    ttl_s: float
    load_s: float
    long_load_s: float
    """A load far longer than usual, past the lease of most locks."""
    wait_s_max: float
    """`Site.wait_s_max`."""
    patience_s: float
    """How long a probe waits for an answer before it says that none comes."""
    silent_s: float
    """How long no request comes, so that what is served then never expires."""
    away_s: float = 5.0
    """How long Redis is away."""


VIRTUAL_SCALE = Scale(ttl_s=5.0, load_s=0.2, long_load_s=15.0, wait_s_max=5.0, patience_s=60.0, silent_s=100.0)
REAL_SCALE = Scale(ttl_s=1.0, load_s=0.3, long_load_s=4.0, wait_s_max=2.0, patience_s=15.0, silent_s=6.0)


@dataclass(frozen=True, slots=True)
class KeyHeld:
    """A key in Redis; `ttl_s` is None where it has no expiry."""

    name: str
    ttl_s: float | None
    value_bytes: int


class ProbedRedis(Protocol):
    """The Redis of a bench, and what may befall it."""

    def url_of(self, pod: int) -> str:
        """The URL at which that pod finds it."""
        ...

    def at(self, pod: int) -> AbstractContextManager[None]:
        """Mark the code inside as that pod's, so that it is known whose connections are made."""
        ...

    async def flush(self) -> None: ...

    async def restart(self) -> None:
        """End it, and have it back at once, empty: every connection is closed."""
        ...

    async def leave(self) -> None:
        """Go away, with all entries: connections are closed, and refused until `come_back`."""
        ...

    async def come_back(self) -> None: ...

    async def reset_connections(self) -> None: ...

    async def cut_off(self, pod: int) -> None:
        """Close that pod's connections, and refuse further ones for good, as if its process had been killed."""
        ...

    async def keys(self) -> Sequence[KeyHeld]: ...

    async def connections(self) -> int:
        """How many connections of pods are open."""
        ...

    async def commands(self) -> Mapping[str, int]:
        """How many commands of pods it has executed, by name."""
        ...


@dataclass(frozen=True, slots=True)
class ProbeReply:
    """One answered request: a value, or an error in words."""

    asked_s: float
    answered_s: float
    pod: int
    key: str
    value: Value | None
    error: str = ""
    is_origins: bool = False
    """Whether the error is the origin's own."""

    @property
    def took_s(self) -> float:
        return self.answered_s - self.asked_s

    @property
    def age_s(self) -> float:
        """Seconds from the beginning of the read to the answer; only of a value."""
        assert self.value is not None
        return self.answered_s - self.value.read_at_s

    @property
    def is_right(self) -> bool:
        return self.value is not None and self.value.key == self.key


class ProbeBench:
    """The pods of one probe, made in a running loop; `aclose` ends them."""

    def __init__(self, contender: type[Contender], redis: ProbedRedis, scale: Scale, seed: int = 1) -> None:
        """Set the pods up, at whose first request they connect. Raises what the contender raises."""
        self.scale, self.redis, self.rng = scale, redis, Random(seed)
        self.origin = ProbedOrigin(scale.load_s)
        self._running = asyncio.get_running_loop()
        self._file = str(sys.modules[contender.__module__].__file__)
        self.first_error = ""
        """The first error of the contender's own, in words, with the line of its file where there is one."""
        self.prefix = "lab:probed:"
        self.pods: list[Contender] = []
        for pod in range(PODS):
            with redis.at(pod):
                site = Site(redis.url_of(pod), scale.ttl_s, f"pod-{pod}", self.prefix, scale.wait_s_max)
                self.pods.append(contender.at(site, {}))
        self.stale_s = self.pods[0].serves_stale_s(scale.ttl_s)
        """How long past the TTL its documentation has it serve a value, seconds."""

    def now_s(self) -> float:
        return self._running.time()

    async def aclose(self) -> Sequence[str]:
        """Close the pods, and give the errors that doing so raised."""
        self.origin.end()
        errors = []
        for number, pod in enumerate(self.pods):
            try:
                with self.redis.at(number):
                    async with asyncio.timeout(CLOSE_S_MAX):
                        await pod.aclose()
            except Exception as error:
                errors.append(type(error).__name__)
        return errors

    async def ask(self, key: str, pod: int = 0, patience_s: float | None = None) -> ProbeReply:
        """The reply to a request at a pod; only its own cancellation is raised."""
        asked_s, patience_s = self.now_s(), self.scale.patience_s if patience_s is None else patience_s
        try:
            async with asyncio.timeout(patience_s):
                with self.redis.at(pod):
                    value, error, is_origins = await self._answer(key, pod)
        except TimeoutError:
            value, error, is_origins = None, f"no answer within {patience_s:g} s", False
        return ProbeReply(asked_s, self.now_s(), pod, key, value, error, is_origins)

    async def _answer(self, key: str, pod: int) -> tuple[Value | None, str, bool]:
        """The value, or the error in words and whether it is the origin's own."""
        try:
            return read_value(await self.pods[pod].get(f"{self.prefix}{key}", self.origin.loader(pod, key))), "", False
        except asyncio.CancelledError:
            running = asyncio.current_task()
            if running is None or running.cancelling():
                raise
            return None, "CancelledError, of another request", False
        except OriginFailed:
            return None, "OriginFailed", True
        except NoValue as error:
            self.first_error = self.first_error or str(error)
            return None, str(error), False
        except Exception as error:
            self.first_error = self.first_error or error_at(error, self._file)
            return None, type(error).__name__, False

    async def herd(self, readers: int, key: str, pods: Sequence[int] = range(PODS)) -> list[ProbeReply]:
        """The replies to readers of one key who ask at the same moment, at the pods in turn."""
        return await asyncio.gather(*(self.ask(key, pods[number % len(pods)]) for number in range(readers)))

    async def traffic(
        self,
        for_s: float,
        rate_per_s: float,
        keys: int = 1,
        pods: Sequence[int] = range(PODS),
        patience_s: float | None = None,
    ) -> list[ProbeReply]:
        """The replies to an open loop of requests for keys `k0`, `k1`, …, which come whether or not others wait.

        Moments and keys are drawn; the pods take turns.
        """
        began_s, count = self.now_s(), round(for_s * rate_per_s)
        moments = sorted(self.rng.uniform(0, for_s) for _ in range(count))
        asked = []
        for number, moment in enumerate(moments):
            await asyncio.sleep(began_s + moment - self.now_s())
            key, pod = f"k{self.rng.randrange(keys)}", pods[number % len(pods)]
            asked.append(asyncio.create_task(self.ask(key, pod, patience_s)))
        replies = await asyncio.gather(*asked)
        await asyncio.sleep(max(0.0, began_s + for_s - self.now_s()))
        return replies


def error_at(error: BaseException, file: str) -> str:
    """The error in words, with the last line of that file that it came through."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    words = f"{type(error).__name__}: {error}".partition("\n")[0][:WORDS_CHARS_MAX]
    return f"{words} (line {lines[-1]})" if lines else words


def counted(count: int, noun: str) -> str:
    """The number with its noun, as `1 load` or `2 loads`."""
    return f"{count} {noun}{'s' * (count != 1)}"


def errors_of(replies: Sequence[ProbeReply]) -> Counter[str]:
    """How many requests got which error."""
    return Counter(reply.error for reply in replies if reply.value is None)


def errors_named(replies: Sequence[ProbeReply]) -> str:
    """The errors of the replies in brackets, the most frequent first; empty without one."""
    errors = errors_of(replies).most_common(ERRORS_NAMED_MAX)
    return f" ({', '.join(f'{error}: {count}' for error, count in errors)})" if errors else ""
