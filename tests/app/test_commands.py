"""Commands whose caller has gone before there was a connection to send them on, or before Redis had their script."""

import asyncio

from app.cache import RedisCache
from app.commands import Call, anything, packed
from app.pipe import Pipe
from app.redis_address import RedisAddress
from app.settings import Settings
from app.standing import Standing
from app.strategy import Entry
from loadtest.sim.kernel import loop
from loadtest.sim.kernel.loop import VirtualLoop
from loadtest.sim.wire.network import Host, Network, dialling
from loadtest.sim.wire.server import VirtualRedis
from tests.contract.caches import KEY, CacheLog

WAY_S, PATIENCE_S, TIMEOUT_S = 0.2, 0.1, 1.0


class Answers(asyncio.Protocol):
    """A server that answers each piece of what it gets with the number 1."""

    def __init__(self, heard: list[bytes]) -> None:
        self._heard = heard

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._heard.append(data)
        self._transport.write(b":1\r\n")


def test_a_lock_is_not_taken_for_a_caller_that_has_gone_and_what_others_wait_for_is_sent_all_the_same() -> None:
    heard: list[bytes] = []

    async def main() -> None:
        running = asyncio.get_running_loop()
        assert isinstance(running, VirtualLoop)
        running.network = Network(running)
        running.network.listen("redis", 6379, lambda: Answers(heard))
        dialling.set(Host("pod-1", lambda: WAY_S))
        standing = Standing(TIMEOUT_S, running.time)
        pipe = Pipe(RedisAddress("redis://redis:6379/0"), standing, CacheLog(), TIMEOUT_S, 1, running.time)
        until_s = pipe.time.now_s() + PATIENCE_S
        lock = Call("lock", packed("LOCK"), anything, until_s, is_for_caller=True)
        unlock = Call("unlock", packed("UNLOCK"), anything, until_s)
        for call in (lock, unlock):
            pipe.send(call)
        said = await asyncio.gather(lock.reply, unlock.reply, return_exceptions=True)
        assert [type(one).__name__ for one in said] == ["CacheAway", "CacheAway"]
        assert running.time() < 2 * WAY_S, "there is no connection yet"
        await asyncio.sleep(4 * WAY_S)
        later = Call("time", packed("TIME"), anything)
        pipe.send(later)
        assert await later.reply == 1
        await pipe.aclose()

    loop.run(main())
    assert b"".join(heard) == packed("UNLOCK")() + packed("TIME")()


def test_a_script_that_redis_does_not_have_is_no_failure_and_is_run_though_its_caller_has_gone() -> None:
    """A load that ends as the first renewal of its lease is under way cancels that, and NOSCRIPT is the reply to it."""
    log = CacheLog()

    async def main() -> None:
        running = asyncio.get_running_loop()
        assert isinstance(running, VirtualLoop)
        running.network = network = Network(running)
        server = VirtualRedis(network)
        dialling.set(Host("pod-1", lambda: WAY_S / 10))
        cache = RedisCache(Settings(redis_url=server.url), log, running.time, running.time)
        await cache.start()
        entry = Entry(b"value", running.time(), 100.0, 100.0, cost_s=0.1)
        assert await cache.lock(KEY, "token", 30.0)
        for work in (cache.renew(KEY, "token", 60.0), cache.put(KEY, entry, "token")):
            gone = asyncio.ensure_future(work)
            await asyncio.sleep(WAY_S / 20)
            gone.cancel()
        await asyncio.sleep(1.0)
        assert [*server.entries()] == [KEY.encode()]
        assert not cache.standing.must_be_met, "nothing that was answered says that Redis was replaced"
        assert log.failed == []
        await cache.aclose()

    loop.run(main())
