"""The way to a Redis that its URL states: TCP, TLS or a Unix socket, and the words that open a connection there."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from redis.asyncio.connection import ConnectionPool, SSLConnection, UnixDomainSocketConnection

from app.commands import Call, Word, anything, ok, packed
from app.wire import Wire, WireOwner


class RedisAddress:
    """The address of a Redis. redis-py reads the URL, so that it means here what it means to any of its users."""

    def __init__(self, url: str) -> None:
        """Read the URL. Raises ValueError where redis-py does not take it."""
        self._to: Any = ConnectionPool.from_url(url, protocol=2).make_connection()  # type: ignore[no-untyped-call]

    async def open(self, owner: WireOwner) -> Wire:
        """A connection on which commands may be sent. Raises OSError, `ServerRefused`, and what TLS and loops raise."""
        wire = Wire(owner)
        try:
            await self._connect(lambda: wire)
            for words in self._greeting():
                read = anything if words[0] == "HELLO" else ok
                greeting = Call[object]("hello", packed(*words), read)  # commands that are counted have few names
                wire.send(greeting)
                await greeting.reply
            if wire.is_over:
                raise ConnectionResetError("it was closed at once")
        except BaseException:
            wire.break_off(None)
            raise
        return wire

    def _greeting(self) -> Sequence[tuple[Word, ...]]:
        """The commands that come first on each connection; each must succeed, or nothing else may be sent."""
        to, greeting = self._to, list[tuple[Word, ...]]()
        if to.username or to.password:
            user = (to.username,) if to.username else ()
            greeting.append(("AUTH", *user, to.password or ""))
        if int(to.protocol) != 2:  # with which a connection begins
            greeting.append(("HELLO", int(to.protocol)))
        if to.client_name:
            greeting.append(("CLIENT", "SETNAME", to.client_name))
        if to.db:
            greeting.append(("SELECT", to.db))
        return greeting

    async def _connect(self, new_protocol: Callable[[], asyncio.Protocol]) -> None:
        to, running = self._to, asyncio.get_running_loop()
        if isinstance(to, UnixDomainSocketConnection):
            await running.create_unix_connection(new_protocol, to.path)
        else:
            tls = to.ssl_context.get() if isinstance(to, SSLConnection) else None
            await running.create_connection(new_protocol, to.host, to.port, ssl=tls)
