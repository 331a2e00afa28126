"""Two pods' caches on a simulated wire on which anything may go wrong, and what they must not do even so."""

import asyncio
from collections.abc import Iterator
from random import Random
from typing import Any

from app.cache import CONNECTIONS, RedisCache
from app.commands import bytes_of
from app.settings import Settings
from app.strategy import CacheAway, Entry
from app.subscription import AGAIN_S, CHANNEL, DELETIONS, PING_EVERY_S, SETTINGS, STORED
from loadtest.sim.kernel import loop
from loadtest.sim.kernel.loop import VirtualLoop
from loadtest.sim.wire.network import Host, Network, dialling
from loadtest.sim.wire.refusals import CommandRefusal, ReplyCode
from loadtest.sim.wire.server import VirtualRedis
from loadtest.sim.wire.trouble import WELL, LinkTrouble
from tests.contract.caches import CacheLog

PODS = ("pod-1", "pod-2")
KEYS = 12
ROUGH_S, ASKED = 6.0, 500
"""The virtual seconds of trouble, and the commands that are asked for in it."""
TROUBLES = 6
KINDS = (
    "reset", "silent", "sliced", "slow", "away", "pause", "refuse", "resets", "unread", "lost", "mute", "noise",
)  # fmt: skip
NOISES = (b"\xff\xfe", b"", b"nobody's", b"lab:any:0 nan")
CALM_S = 5.0
"""The seconds after which all has to be well: two looks of a subscription, a pause of Redis and a look at the clock."""
TIMEOUT_S, LATE_S = 0.25, 0.1
"""The time-out of a command, and how much later its caller hears: a look of the pipe, of which there are ten."""
LEASE_S = 0.5
WAITED_FOR = "lab:any:0"
HEARS_WITHIN_S = 3 * PING_EVERY_S + AGAIN_S + TIMEOUT_S
"""The time in which a pod learns of a message, or of a gap in which one may have come."""


def ride(seed: int) -> list[str]:
    """What was wrong in the ride of that seed; empty where all was as it must be."""
    told: list[str] = []
    loop.run(_Ride(seed, told).play(), shuffle_seed=seed if seed % 2 else None)
    return told


def rides(seeds: range) -> Iterator[tuple[int, list[str]]]:
    """The seeds of which something was wrong, with that."""
    return ((seed, told) for seed in seeds if (told := ride(seed)))


class _Ride:
    def __init__(self, seed: int, told: list[str]) -> None:
        self.rng, self.told = Random(f"{seed}/ride"), told
        self.noise: list[asyncio.Future[None]] = []

    async def play(self) -> None:
        running = asyncio.get_running_loop()
        assert isinstance(running, VirtualLoop)
        self.loop = running
        running.set_exception_handler(lambda _, seen: self.told.append(f"an error that nobody saw: {seen}"))
        running.network = network = Network(running)
        self.server = VirtualRedis(network, epoch_s=1_000_000, seed=self.rng.getrandbits(32))
        self.way_s = way_s = self.rng.choice([0.0, 0.0002, 0.005])
        rng = Random(self.rng.getrandbits(32))
        self.number = self.rng.choice([0, 3])
        url = self.server.url.removesuffix("0") + str(self.number)
        settings = Settings(redis_url=url, redis_timeout_ms=1000 * TIMEOUT_S, read_batch_max=4)
        self.caches: dict[str, RedisCache] = {}
        self.woken_s: dict[str, list[float]] = {pod: [] for pod in PODS}
        self.released_s: list[tuple[float, str, float]] = []
        """When a lock was asked to be released, which key's, and when that was answered."""
        self.logs = {pod: CacheLog() for pod in PODS}
        self.hosts = {pod: Host(pod, lambda: rng.uniform(0.5, 1.5) * way_s) for pod in PODS}
        for pod in PODS:
            dialling.set(self.hosts[pod])
            cache = RedisCache(settings, self.logs[pod], running.time, lambda: 1_000_000 + running.time())
            await cache.start()
            self.caches[pod] = cache
        await asyncio.sleep(1.0)
        dialling.set(self.hosts[PODS[0]])
        for key in range(KEYS):
            await self.caches[PODS[0]].put(f"lab:any:{key}", _entry(key, self.caches[PODS[0]]))
        for _ in range(TROUBLES):
            running.call_later(self.rng.uniform(0, 0.8) * ROUGH_S, self._trouble)
        waiting = [asyncio.ensure_future(self._wait(pod)) for pod in PODS]
        await asyncio.gather(*(self._ask() for _ in range(ASKED)))
        await asyncio.sleep(max(0.0, ROUGH_S - running.time()))
        self._heal()
        await asyncio.sleep(CALM_S)
        await self._look_whether_all_is_well()
        for waiter in waiting:
            waiter.cancel()
        self._check_the_woken()
        if self.number and (strays := self.server.entries()):
            self.told.append(f"stored in another database: {sorted(strays)[:3]}")
        for cache in self.caches.values():
            await cache.aclose()
        await asyncio.sleep(1.0)
        if left := self.server.port.connections():
            self.told.append(f"{len(left)} connections are left at the server")
        if left_tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            self.told.append(f"tasks are left: {sorted(task.get_name() for task in left_tasks)}")

    def _trouble(self) -> None:
        """Begin a trouble that is over by itself, or with all others."""
        server, rng = self.server, self.rng
        host = rng.choice([*PODS, None])
        for_s = rng.choice([0.05, 0.3, 1.5])
        match rng.choice(KINDS):
            case "reset":
                server.port.reset_all(host)
            case "silent":
                self._link(LinkTrouble(is_silent=True, arrives=rng.random() < 0.5), host, for_s)
            case "sliced":
                self._link(LinkTrouble(slice_bytes=rng.choice([1, 7, 100]), slice_apart_s=0.001), host, for_s)
            case "slow":
                self._link(LinkTrouble(extra_s=rng.choice([0.05, 0.13, 0.3])), host, for_s)
            case "unread":
                self._link(LinkTrouble(server_reads=False), host, for_s)
            case "away":
                server.go_away(is_emptied=rng.random() < 0.5)
                self.loop.call_later(for_s, server.come_back)
            case "pause":
                server.pause()
                self.loop.call_later(for_s, server.go_on)
            case "refuse":
                server.refuse([CommandRefusal(rng.choice([*ReplyCode]))])
                self.loop.call_later(for_s, server.refuse)
            case "resets":
                server.reset_under(rng.choice([0.02, 0.5]))
                self.loop.call_later(for_s, server.reset_under, 0.0)
            case "lost":
                server.port.lose_track(host, resets=rng.random() < 0.5)
            case "mute":  # a proxy that accepts at once, with nothing behind it
                server.port.reset_all(host)
                self.loop.call_later(rng.uniform(0, 4) * self.way_s, server.port.lose_track, host, False)
            case "noise":
                self.noise.append(asyncio.ensure_future(self._make_noise(rng.choice(NOISES))))

    async def _make_noise(self, text: bytes) -> None:
        """Publish what no pod publishes, on every channel that pods listen to."""
        try:
            _, writer = await asyncio.open_connection("redis", 6379)
        except OSError:
            return
        for channel in (CHANNEL, DELETIONS, SETTINGS, STORED):
            writer.write(bytes_of(("PUBLISH", channel, text)))
        await asyncio.sleep(1.0)
        writer.transport.abort()

    def _link(self, trouble: LinkTrouble, host: str | None, for_s: float) -> None:
        self.server.port.set_trouble(trouble, host)
        self.loop.call_later(for_s, self.server.port.set_trouble, WELL, host)

    def _heal(self) -> None:
        for host in (*PODS, None):
            self.server.port.set_trouble(WELL, host)
        self.server.refuse()
        self.server.reset_under(0.0)
        self.server.go_on()
        self.server.come_back()

    async def _ask(self) -> None:
        """Ask for something at some time, and at times leave before there is an answer."""
        rng, key = self.rng, self.rng.randrange(KEYS)
        pod = rng.choice(PODS)
        work = rng.choice([self._get, self._get, self._get, self._get, self._lock, self._put])
        at_s, leaves_after_s = rng.uniform(0, ROUGH_S), rng.choice([None, None, 0.0, 0.0005, 0.1])
        await asyncio.sleep(at_s)
        dialling.set(self.hosts[pod])
        task = asyncio.ensure_future(work(self.caches[pod], key))
        if leaves_after_s is not None:
            self.loop.call_later(leaves_after_s, task.cancel)
        began_s = self.loop.time()
        await asyncio.wait({task})
        took_s = self.loop.time() - began_s
        if took_s > (TIMEOUT_S + LATE_S) * (2 if work == self._lock else 1):
            self.told.append(f"{pod} waited {took_s:.3f} s for {work.__name__}")
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, CacheAway):
            self.told.append(f"{pod}: {work.__name__} raised {error!r}")

    async def _get(self, cache: RedisCache, key: int) -> None:
        entry = await cache.get(f"lab:any:{key}")
        if entry is not None and entry.body != b"item %d" % key:
            self.told.append(f"{entry.body!r} was answered for {key}")

    async def _lock(self, cache: RedisCache, key: int) -> None:
        name, token = f"lab:any:{key}", f"{self.rng.getrandbits(32)}"
        is_taken = await cache.lock(name, token, LEASE_S)
        holder = self._holder(name)
        if holder is not None and is_taken != (holder == token.encode()):
            self.told.append(f"the lock was {'taken' if is_taken else 'refused'} as {token}, and {holder!r} has it")
        if is_taken:
            asked_s = self.loop.time()
            if await cache.unlock(name, token):
                self.released_s.append((asked_s, name, self.loop.time()))

    def _holder(self, key: str) -> object:
        """The token that holds the lock of a key in Redis; None where it is free."""
        held = self.server.entries(self.number).get(f"{key}:lock".encode())
        return None if held is None else held.value

    async def _put(self, cache: RedisCache, key: int) -> None:
        await cache.put(f"lab:any:{key}", _entry(key, cache))

    async def _wait(self, pod: str) -> None:
        """Wait for one key all the time, as a pod does that was refused its lock."""
        dialling.set(self.hosts[pod])
        with self.caches[pod].notification(WAITED_FOR) as notification:
            while True:
                if await notification.wait(1e6):
                    self.woken_s[pod].append(self.loop.time())

    def _check_the_woken(self) -> None:
        """Whoever waited when a lock was released has been woken since, if only because of a gap."""
        for asked_s, key, answered_s in self.released_s:
            until_s = answered_s + HEARS_WITHIN_S
            for pod, woken_s in self.woken_s.items():
                if key == WAITED_FOR and not any(asked_s <= at_s <= until_s for at_s in woken_s):
                    self.told.append(f"{pod} slept on after the release that was answered at {answered_s:.3f} s")

    async def _look_whether_all_is_well(self) -> None:
        for pod, cache in self.caches.items():
            dialling.set(self.hosts[pod])
            log, failed = self.logs[pod], len(self.logs[pod].failed)
            for key in range(KEYS):
                await self._well(pod, cache.put(f"lab:any:{key}", _entry(key, cache)))
                await self._well(pod, self._get(cache, key))
                await self._well(pod, cache.lock(f"lab:any:{key}", f"{pod} {key}", LEASE_S))
                await self._well(pod, cache.unlock(f"lab:any:{key}", f"{pod} {key}"))
            self.told += (f"{pod}: {command} fails, and nothing is wrong" for command in log.failed[failed:])
            self.told += (f"{pod}: {task} died" for task in log.died)
            if (number := len(self.server.port.connections(pod))) != CONNECTIONS - 1:
                self.told.append(f"{pod}: {number} connections, not that of the pipe and that of the subscription")
            if cache._reads._in_flight or cache._reads._waiting:
                self.told.append(
                    f"{pod}: {cache._reads._in_flight} batches and {len(cache._reads._waiting)} reads left"
                )
            here, there = self.caches[PODS[0]], self.caches[PODS[1]]
            with cache.notification("lab:any:0") as notification:
                other = there if cache is here else here
                await self._well(pod, other.lock("lab:any:0", pod, LEASE_S))
                await self._well(pod, other.unlock("lab:any:0", pod))
                if not await notification.wait(1.0):
                    self.told.append(f"{pod} is deaf")

    async def _well(self, pod: str, work: Any) -> None:
        try:
            await work
        except CacheAway as away:
            self.told.append(f"{pod}: {away}, and nothing is wrong")


def _entry(key: int, cache: RedisCache) -> Entry:
    now_s = cache.clock.now_s()
    return Entry(b"item %d" % key, now_s, now_s + 100, now_s + 100, cost_s=0.1)
