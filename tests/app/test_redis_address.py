"""Every form of a URL that the lab takes leads to the same commands: TCP, TLS, a Unix socket, a user, a database."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
import uvloop
from redis import Redis

from app.cache import RedisCache
from app.metrics import Metrics
from app.redis_address import RedisAddress
from app.settings import Settings
from app.strategy import CacheAway, Entry
from app.subscription import CHANNEL
from tests.contract.caches import KEY, CacheLog
from tests.redis_server import RedisServer


async def _use(url: str) -> CacheLog:
    """Go through everything that a pod does with its cache."""
    log = CacheLog()
    async with aclosing(RedisCache(Settings(redis_url=url, redis_timeout_ms=500), log)) as cache:
        await cache.start()
        assert str(cache.standing) == "up"
        now_s = cache.clock.now_s()
        entry = Entry(b"body", now_s, now_s + 60, now_s + 60, 0.1)
        assert await cache.get(KEY) is None
        assert await cache.lock(KEY, "mine", 5.0)
        assert await cache.renew(KEY, "mine", 5.0)
        assert await cache.put(KEY, entry, "mine")
        assert await cache.get(KEY) == entry
        assert await cache.put(f"{KEY}0", entry)
        assert log.failed == []
    return log


def _run(url: str) -> CacheLog:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_use(url))


def test_a_user_a_password_a_name_and_a_database_are_given_on_each_connection(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server, Redis.from_url(f"{server.url[:-1]}3") as admin:
        admin.acl_setuser("pod", enabled=True, passwords=["+p@ss"], keys=["*"], channels=["*"], commands=["+@all"])
        place = server.url.removeprefix("redis://").removesuffix("/0")
        _run(f"redis://pod:p%40ss@{place}/3?client_name=of-a-pod")
        assert admin.exists(KEY)
        assert not Redis.from_url(server.url).exists(KEY)
        admin.config_set("requirepass", "secret")
        admin.delete(KEY)
        _run(f"redis://:secret@{place}/3")
        assert admin.exists(KEY)

        async def be_refused() -> None:
            async with aclosing(RedisCache(Settings(redis_url=f"redis://:wrong@{place}"), Metrics())) as cache:
                await cache.start()
                assert "unsupported" in str(cache.standing)
                with pytest.raises(CacheAway, match="WRONGPASS"):
                    await cache.get(KEY)

        asyncio.run(be_refused())


def test_a_unix_socket_is_as_good(tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    with RedisServer(tmp_path, "--unixsocket", str(path)):
        _run(f"unix://{path}?db=1")


def test_version_3_of_the_protocol_is_as_good_and_hears_notifications(redis_url: str) -> None:
    async def main() -> None:
        url = f"{redis_url}?protocol=3"
        async with aclosing(RedisCache(Settings(redis_url=url), log := CacheLog())) as cache:
            await cache.start()
            assert await cache.lock(KEY, "mine", 5.0)
            with Redis.from_url(redis_url, protocol=2) as admin:
                while not admin.pubsub_numsub(CHANNEL)[0][1]:  # noqa: ASYNC110 # it begins by itself
                    await asyncio.sleep(0.01)
                versions = [client["resp"] for client in admin.client_list() if client["resp"] == "3"]
            with cache.notification(KEY) as notification:
                await cache.unlock(KEY, "mine")
                assert await notification.wait(5.0)
            assert len(versions) == 2, "the pipe's connection and the subscription's"
            assert log.failed == []

    _run(f"{redis_url}?protocol=3")
    asyncio.run(main())


def test_scripts_that_redis_has_lost_are_sent_again(redis_url: str) -> None:
    async def main() -> None:
        async with aclosing(RedisCache(Settings(redis_url=redis_url), log := CacheLog())) as cache:
            with Redis.from_url(redis_url) as admin:
                for number in range(3):
                    admin.script_flush()
                    assert all(await asyncio.gather(*(cache.lock(f"{KEY}{n}", f"{number}", 0.001) for n in range(20))))
                    await asyncio.sleep(0.01)
            assert log.failed == []

    asyncio.run(main())


@asynccontextmanager
async def _tls_in_front_of(server: RedisServer, certificate: Path) -> AsyncIterator[int]:
    """A proxy that takes TLS; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_redis, to_redis = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.gather(copy(reader, to_redis), copy(from_redis, writer), return_exceptions=True)

    proxy = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield proxy.sockets[0].getsockname()[1]
    finally:
        proxy.close()
        await asyncio.sleep(0.05)  # for what is being copied to end


@pytest.mark.skipif(shutil.which("openssl") is None, reason="a certificate needs openssl")
def test_tls_with_and_without_a_check_of_the_certificate(redis_server: RedisServer, tmp_path: Path) -> None:
    certificate, key = tmp_path / "both.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    certificate.write_text(certificate.read_text() + key.read_text())

    async def main() -> None:
        async with _tls_in_front_of(redis_server, certificate) as port:
            url = f"rediss://127.0.0.1:{port}/0"
            with Redis.from_url(redis_server.url) as admin:
                for options in ("ssl_cert_reqs=none", f"ssl_ca_certs={certificate}&ssl_check_hostname=true"):
                    admin.flushall()
                    await _use(f"{url}?{options}&ssl_check_hostname=false" if "none" in options else f"{url}?{options}")
            async with aclosing(RedisCache(Settings(redis_url=url, redis_timeout_ms=500), CacheLog())) as cache:
                with pytest.raises(CacheAway, match="CERTIFICATE_VERIFY_FAILED"):
                    await cache.get(KEY)

    asyncio.run(main())


def test_what_redis_py_does_not_take_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="redis"):
        RedisAddress("http://127.0.0.1")
