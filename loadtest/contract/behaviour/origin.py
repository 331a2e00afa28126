"""The origin of the probes: it books every load, which may be slow, fail, hang or be large."""

import asyncio
import json
import zlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from app.contender import LoadValue
from app.strategy import OriginFailed

PADDING_BYTES = 256
"""Bytes of a value beside its head, unless a probe asks for more."""


@dataclass(slots=True)
class ProbedLoad:
    """One load: it has ended once `ended_s` is set, and well where `ok` is."""

    number: int
    pod: int
    key: str
    began_s: float
    ended_s: float | None = None
    ok: bool = False


@dataclass(frozen=True, slots=True)
class LoadFate:
    """The fate of a load: how long it takes (None: it hangs), and whether it fails then."""

    takes_s: float | None
    fails: bool = False


@dataclass(frozen=True, slots=True)
class Value:
    """A value as it was loaded: of which key, by which load, and when the read began."""

    key: str
    load: int
    read_at_s: float


class NoValue(Exception):
    """A contender answered what is no value of the origin; the text says what it is."""


class ProbedOrigin:
    """An origin whose every load is booked; `fate` decides what becomes of each when it begins."""

    def __init__(self, load_s: float) -> None:
        self.loads: list[ProbedLoad] = []
        self.usual = LoadFate(load_s)
        self.fate: Callable[[ProbedLoad], LoadFate] = lambda _: self.usual
        self.padding_bytes = PADDING_BYTES
        self._over = asyncio.Event()
        self._begun: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def loader(self, pod: int, key: str) -> LoadValue:
        """The loader of the key that a contender in that pod is given."""

        async def load() -> bytes:
            return await self._load(pod, key)

        return load

    def be_as_usual(self) -> None:
        """Have loads take their usual time and succeed again."""
        self.fate = lambda _: self.usual

    def loads_of(self, key: str, since_s: float = 0.0) -> list[ProbedLoad]:
        """The loads of a key that began at that time or later."""
        return [load for load in self.loads if load.key == key and load.began_s >= since_s]

    def loads_since(self, since_s: float) -> int:
        return sum(load.began_s >= since_s for load in self.loads)

    async def asked(self, key: str) -> None:
        """Wait until a load of the key has begun."""
        await self._begun[key].wait()

    def end(self) -> None:
        """Let go whatever hangs, so that no thread is held up by it: it fails."""
        self._over.set()

    async def _load(self, pod: int, key: str) -> bytes:
        running = asyncio.get_running_loop()
        load = ProbedLoad(len(self.loads), pod, key, running.time())
        self.loads.append(load)
        self._begun[key].set()
        fate = self.fate(load)
        try:
            if fate.takes_s is None:
                await self._over.wait()
                raise OriginFailed("the probe is over")
            await asyncio.sleep(fate.takes_s)
            if fate.fails:
                raise OriginFailed("the origin fails as the probe has it")
        finally:
            load.ended_s = running.time()
        load.ok = True
        return _sealed(Value(key, load.number, load.began_s), self.padding_bytes)


def read_value(body: object) -> Value:
    """The value in what a contender answered. Raises `NoValue`."""
    if not isinstance(body, bytes):
        raise NoValue(f"answered {type(body).__name__}, not bytes")
    head, _, padding = body.partition(b"\n")
    try:
        stated = json.loads(head)
        value, crc = Value(stated["key"], stated["load"], stated["read_at_s"]), stated["crc"]
    except (ValueError, KeyError, TypeError) as error:
        raise NoValue("answered what no load had brought") from error
    if zlib.crc32(padding) != crc:
        raise NoValue("answered a value that is torn")
    return value


def _sealed(value: Value, padding_bytes: int) -> bytes:
    padding = (f"{value.load:08x}".encode() * (padding_bytes // 8 + 1))[:padding_bytes]
    head = {"key": value.key, "load": value.load, "read_at_s": value.read_at_s, "crc": zlib.crc32(padding)}
    return json.dumps(head).encode() + b"\n" + padding
