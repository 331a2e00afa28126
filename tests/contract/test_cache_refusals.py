"""Whatever a server does to a command of the cache, its caller hears of `CacheAway` or a plain answer, no more."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
import uvloop
from redis.asyncio import Redis

from app.cache import RedisCache
from app.settings import Settings
from app.strategy import CacheAway, Entry
from tests.contract.caches import KEY, CacheLog
from tests.redis_server import RedisServer

REPLIES = {
    "READONLY": b"-READONLY You can't write against a read only replica.\r\n",
    "BUSY": b"-BUSY Redis is busy running a script.\r\n",
    "NOPERM": b"-NOPERM this user has no permissions\r\n",
    "LOADING": b"-LOADING Redis is loading the dataset in memory\r\n",
    "MOVED": b"-MOVED 3999 127.0.0.1:6381\r\n",
    "MOVED cut short": b"-MOVED\r\n",
    "OOM": b"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
    "WRONGTYPE": b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
    "NOAUTH": b"-NOAUTH Authentication required.\r\n",
    "not UTF-8": b"-\xff\xfe\r\n",
    "another type": b"+HELLO\r\n",
    "a number": b":7\r\n",
    "too short a list": b"*0\r\n",
    "an error in a list": b"*1\r\n-ERR inside\r\n",
    "no protocol": b"?what\r\n",
    "half a reply": b"$100\r\nhalf",
}


async def _count(cache: RedisCache) -> None:
    cache.count(KEY, 1.0)
    await asyncio.sleep(0.01)


async def _setting(cache: RedisCache) -> None:
    cache.setting(KEY, "ttl_s")
    await asyncio.sleep(0.01)


ENTRY = Entry(b"body", 1e9, 1e9 + 5, 4e9, 0.1)
METHODS: dict[str, Callable[[RedisCache], Awaitable[object]]] = {
    "get": lambda cache: cache.get(KEY),
    "put": lambda cache: cache.put(KEY, ENTRY),
    "fenced put": lambda cache: cache.put(KEY, ENTRY, "mine"),
    "delete": lambda cache: cache.delete(KEY),
    "lock": lambda cache: cache.lock(KEY, "mine", 1.0),
    "renew": lambda cache: cache.renew(KEY, "mine", 1.0),
    "unlock": lambda cache: cache.unlock(KEY, "mine"),
    "count": _count,
    "counted": lambda cache: cache.counted(KEY, 1.0),
    "setting": _setting,
    "set_setting": lambda cache: cache.set_setting("lab:", "ttl_s", 1.0, 9.0),
    "clock": lambda cache: cache.clock.sync(),
}


@pytest.mark.parametrize("way", ["said", "said and closed", "reset"])
@pytest.mark.parametrize("method", METHODS)
def test_no_reply_and_no_reset_is_anything_but_a_cache_that_is_away(method: str, way: str) -> None:
    async def main() -> None:
        for name, reply in REPLIES.items():

            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reply: bytes = reply) -> None:
                while data := await reader.read(65_536):
                    if b"SETINFO" in data:
                        writer.write(b"+OK\r\n" * data.count(b"SETINFO"))
                    elif way == "reset":
                        writer.transport.abort()
                    else:
                        writer.write(reply)
                        if way == "said and closed":
                            break
                writer.close()

            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
            log = CacheLog()
            cache = RedisCache(
                Settings(redis_url=url, redis_timeout_ms=50, redis_pause_ms=1, count_flush_ms=1, settings_poll_ms=1),
                log,
            )
            try:
                for _ in range(2):
                    assert await METHODS[method](cache) in (None, False, True, 7.0), name
            except CacheAway:
                pass
            finally:
                await cache.aclose()
                server.close()
            assert not log.died, name

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


def test_a_redis_that_asked_for_a_password_for_a_while_is_used_again(redis_server: RedisServer) -> None:
    """Redis bars a connection that was made meanwhile from HELLO for as long as it lasts."""

    async def main() -> None:
        async with Redis.from_url(redis_server.url) as admin:
            cache = RedisCache(Settings(redis_url=redis_server.url), CacheLog())
            await cache.start()
            try:
                await admin.config_set("requirepass", "secret")
                await admin.client_kill_filter(_type="normal", skipme=True)
                await _until(cache, "unsupported")
                await admin.config_set("requirepass", "")
                await _until(cache, "up")
                assert await cache.put(KEY, ENTRY)
            finally:
                await admin.config_set("requirepass", "")
                await cache.aclose()

    asyncio.run(main())


async def _until(cache: RedisCache, standing: str) -> None:
    """Let the cache look at Redis often until it stands so; its own pace is a second."""
    async with asyncio.timeout(10):
        while not str(cache.standing).startswith(standing):
            with suppress(CacheAway):
                await cache.get(KEY)
            cache.clock.doubt()
            await asyncio.sleep(0.02)
