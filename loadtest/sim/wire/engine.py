"""The commands of Redis, executed by fakeredis: the one place that uses what fakeredis does not promise to keep.

fakeredis brings the commands, their arguments, errors and replies, and runs scripts with lupa. What would not repeat is
replaced: its clock, its random draws, its weak sets of subscribers and its threads for blocking commands.
"""

import random
import secrets
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from random import Random
from types import ModuleType
from typing import Any, Protocol

from fakeredis import FakeServer
from fakeredis._commands import SUPPORTED_COMMANDS, Key
from fakeredis._core import Database
from fakeredis._helpers import QUEUED, NoResponse, SimpleError, SimpleString
from fakeredis._msgs import FLAG_TRANSACTION
from fakeredis._socket._fakesocket import FakeSocket
from fakeredis._socket._resp import extract_command
from fakeredis.model import get_all_commands_info

from loadtest.sim.wire.refusals import AskedCommand, CommandRefusal
from loadtest.sim.wire.resp import NO_REPLY, NULL_ARRAY, ErrorReply, NoReply, Reply, SimpleReply

SERVER, VERSION = "valkey", (9, 1)
"""The kind and version that are simulated: those of the embedded Redis of native runs."""
NULL_ARRAYS = frozenset(
    {"exec", "blpop", "brpop", "blmpop", "lmpop", "bzpopmin", "bzpopmax", "bzmpop", "zmpop", "xread", "xreadgroup"}
)
"""Commands whose null is one of a list."""
WHILE_SUBSCRIBED = frozenset(
    {"subscribe", "unsubscribe", "psubscribe", "punsubscribe", "ssubscribe", "sunsubscribe", "ping", "quit", "reset"}
)
"""Commands that a RESP2 connection may send while it is subscribed."""
_NOT_ALLOWED = (
    "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
)


class ExpectsReplies(Protocol):
    """A connection, as the engine sees it."""

    host: str

    def push(self, message: Sequence[Reply]) -> None:
        """Send a message that no command asked for."""
        ...

    def release(self, reply: Reply) -> None:
        """Send the reply of a command that had to wait, and go on."""
        ...

    def disconnect(self) -> None:
        """Close the connection, as CLIENT KILL does."""
        ...


class Engine:
    """The data of one Redis, and what its commands do with them."""

    def __init__(
        self, time_s: Callable[[], float], call_later: Callable[[float, Callable[[], None]], object], seed: int
    ) -> None:
        """Start empty; `time_s` is the server's clock, seconds since the epoch."""
        self.time_s, self.call_later = time_s, call_later
        self.rng = Random(f"{seed}/redis")
        self.counts = Counter[str]()
        """The commands that clients have sent, by name."""
        self.refusals: Sequence[CommandRefusal] = ()
        self.entries_max: int | None = None
        """The room for entries; None for as much as is wanted."""
        self.evicts = True
        """Whether the entry that was used longest ago is evicted where there is no room; else commands get OOM."""
        self.keeps_order = False
        """Whether entries are kept in the order of their use, which evicting needs."""
        self.changed: dict[bytes, int] = {}
        """The keys that changed since they were taken, with the number of the last client that did it."""
        self.is_flushed = False
        self.author = 0
        self.waiting: dict[Executor, _Waiting] = {}
        """The connections whose command blocks, in the order in which they came."""
        self.now_s = time_s()
        self.server = server = FakeServer(version=VERSION, server_type="valkey")
        self.server.dbs = defaultdict(lambda: _Keys(self))
        for kind in ("subscribers", "psubscribers", "ssubscribers"):
            setattr(server, kind, defaultdict(_InOrder))

    def open(self, connection: ExpectsReplies) -> "Executor":
        """The commands of a new connection."""
        return Executor(self, connection)

    def flush(self) -> None:
        """Drop every entry."""
        with _Turn(self):
            for keys in self.server.dbs.values():
                keys.clear()

    def forget_scripts(self) -> None:
        """Drop every script, as a restart does."""
        self.server.script_cache.clear()

    def entries(self) -> dict[bytes, tuple[object, float | None]]:
        """The entries of database 0 that have not expired: their values, and when they end by the server's clock."""
        now_s = self.time_s()
        stored = self.server.dbs[0]._dict
        return {
            key: (item.value, item.expireat)
            for key, item in stored.items()
            if item.expireat is None or item.expireat >= now_s
        }

    def ends_s(self, key: bytes) -> float | None:
        """The moment at which an entry of database 0 expires; None where there is none, or it never does."""
        item = self.server.dbs[0]._dict.get(key)
        return None if item is None else item.expireat

    def evict(self, spare: int = 0) -> None:
        """Evict the entries that were used longest ago, until there is room for `spare` more."""
        assert self.entries_max is not None
        for keys in self.server.dbs.values():
            while len(keys._dict) > max(0, self.entries_max - spare):
                del keys[next(iter(keys._dict))]

    def make_room(self) -> bool:
        """Whether there is room for one more entry, if need be after an eviction."""
        if self.entries_max is None:
            return True
        if sum(len(keys) for keys in self.server.dbs.values()) < self.entries_max:
            return True
        if not (self.evicts and self.entries_max):
            return False
        self.evict(spare=1)
        return True

    def take_changes(self) -> tuple[bool, dict[bytes, int]]:
        """Whether everything was dropped, and the keys that changed, since the last time."""
        taken = self.is_flushed, self.changed
        self.is_flushed, self.changed = False, {}
        return taken

    def serve_waiting(self) -> None:
        """Give the connections whose command blocks what has come for them."""
        for executor, waiting in tuple(self.waiting.items()):
            with _Turn(self):
                reply = executor.try_again(waiting)
            if reply is not _STILL:
                executor.connection.release(_reply(reply))


class _Turn:
    """The time in which an engine executes: fakeredis's clock and draws are the engine's meanwhile."""

    current: Engine | None = None

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __enter__(self) -> None:
        engine = self._engine
        engine.now_s = now_s = engine.time_s()
        for keys in engine.server.dbs.values():
            keys.time = now_s
        _Turn.current = engine

    def __exit__(self, *_: object) -> None:
        _Turn.current = None


_STILL = object()


class _Waiting:
    """A command that blocks until an attempt of it gives something, or its time is over."""

    def __init__(self, attempt: Callable[[bool], Any], shape: Callable[[Any], Any] | None) -> None:
        self.attempt, self.shape = attempt, shape

    def shaped(self, reply: Any) -> Any:
        return reply if self.shape is None else self.shape(reply)


class Executor(FakeSocket):
    """The commands of one connection."""

    def __init__(self, engine: Engine, connection: ExpectsReplies) -> None:
        self.engine, self.connection = engine, connection
        self.subscribed = 0
        """The channels and patterns that the connection is subscribed to."""
        self._script: bytes | None = None
        with _Turn(engine):
            super().__init__(engine.server, 0, client_class=object)
        self.responses = None

    @property
    def is_waiting(self) -> bool:
        """Whether its command blocks."""
        return self in self.engine.waiting

    @property
    def client_id(self) -> int:
        return int(self._client_info["id"])

    @property
    def protocol(self) -> int:
        """The version of RESP that the connection speaks."""
        return int(self._client_info["resp"])

    @protocol.setter
    def protocol(self, version: int) -> None:
        self._client_info["resp"] = version

    def execute(self, words: Sequence[bytes]) -> Reply | NoReply:
        """Execute a command, and return its reply."""
        name, arguments = extract_command(list(words))
        engine = self.engine
        engine.counts[name] += 1
        engine.author = self.client_id
        with _Turn(engine):
            reply = self._answer(name, arguments)
        if reply is None and name in NULL_ARRAYS:
            return NULL_ARRAY
        ours: Reply | NoReply = _reply(reply)
        return ours

    def _answer(self, name: str, arguments: list[bytes]) -> Any:
        """The reply to a command, as fakeredis has it."""
        try:
            if self.subscribed and self.protocol == 2 and name not in WHILE_SUBSCRIBED:
                raise SimpleError(_NOT_ALLOWED.format(name))
            function, signature = self._name_to_func(name)
            signature.check_arity(arguments, self.version)
            self._refuse(name, arguments, signature, is_called=False)
            if self._queueing and FLAG_TRANSACTION not in signature.flags:
                assert self._transaction is not None
                self._transaction.append((function, signature, arguments))
                return QUEUED
        except SimpleError as error:
            if self._queueing:
                self._transaction_failed = True
            return error
        try:
            return self._run_command(function, signature, arguments, False)
        except SimpleError as error:
            return error

    def _run_command(self, function: Any, signature: Any, arguments: list[Any], from_script: bool) -> Any:
        if from_script:
            try:
                self._refuse(signature.name, arguments, signature, is_called=True)
            except SimpleError as error:
                return error
        return super()._run_command(function, signature, arguments, from_script)

    def _refuse(self, name: str, arguments: list[bytes], signature: Any, is_called: bool) -> None:
        """Raise the error that the command gets instead of being executed."""
        engine = self.engine
        if engine.entries_max is not None and "denyoom" in flags_of(name) and not engine.make_room():
            raise SimpleError("OOM command not allowed when used memory > 'maxmemory'.")
        if not engine.refusals:
            return
        asked = AskedCommand(
            name,
            arguments,
            flags_of(name),
            _names_keys(signature, arguments),
            self._script if is_called else self._script_of(name, arguments),
            is_called,
            self.connection.host,
        )
        for refusal in engine.refusals:
            if (error := refusal.reply_to(asked)) is not None:
                raise SimpleError(error)

    def _script_of(self, name: str, arguments: list[bytes]) -> bytes | None:
        if name == "eval":
            return arguments[0]
        return self._server.script_cache.get(arguments[0]) if name == "evalsha" else None

    # Scripts.

    def eval(self, script: bytes, numkeys: int, *keys_and_args: bytes) -> Any:
        self._script = script
        return super().eval(script, numkeys, *keys_and_args)

    # Publishing and subscribing.

    def put_response(self, msg: Any) -> None:
        self.connection.push([_reply(part) for part in msg])

    def _subscribe(self, channels: Any, subscribers: Any, mtype: bytes) -> Any:
        for channel in channels:
            if self not in subscribers[channel]:
                subscribers[channel].add(self)
                self.subscribed += 1
            self.put_response([mtype, channel, self.subscribed])
        return NoResponse()

    def _unsubscribe(self, channels: Any, subscribers: Any, mtype: bytes) -> Any:
        mine = [*channels] or [channel for channel, subscribed in subscribers.items() if self in subscribed]
        for channel in mine:
            subscribed = subscribers.get(channel, ())
            if self in subscribed:
                subscribed.discard(self)
                if not subscribed:
                    del subscribers[channel]
                self.subscribed -= 1
            self.put_response([mtype, channel, self.subscribed])
        if not mine:
            self.put_response([mtype, None, self.subscribed])
        return NoResponse()

    def hello(self, *args: bytes) -> Any:
        proto = self.protocol
        if args and (not args[0].isdigit() or int(args[0]) not in {2, 3}):
            raise SimpleError("NOPROTO unsupported protocol version")
        told = super().hello(*args)
        if not args:
            self.protocol = told["proto"] = proto
        return {**told, "server": SERVER, "version": ".".join(map(str, VERSION))}

    def ping(self, *args: bytes) -> Any:
        if self.subscribed and self.protocol == 2:
            return [b"pong", args[0] if args else b""]
        return super().ping(*args)

    def _discard_subscriptions(self) -> None:
        super()._discard_subscriptions()
        self.subscribed = 0

    @staticmethod
    def _client_type(sock: Any) -> bytes:
        return b"pubsub" if sock.subscribed else b"normal"

    def _keyspace_notifications(self, command_items: Any, event: bytes) -> None:
        if self._server.config.get(b"notify-keyspace-events"):
            super()._keyspace_notifications(command_items, event)

    # Waiting.

    def _blocking(self, timeout: float | None, func: Callable[[bool], Any], shape: Any = None) -> Any:
        reply = func(True)
        waiting = _Waiting(func, shape)
        if reply is not None or self._in_transaction:
            return waiting.shaped(reply)
        self.engine.waiting[self] = waiting
        if timeout:
            self.engine.call_later(timeout, lambda: self._give_up(waiting))
        return NoResponse()

    def _give_up(self, waiting: _Waiting) -> None:
        if self.engine.waiting.get(self) is waiting:
            del self.engine.waiting[self]
            with _Turn(self.engine):
                reply = waiting.shaped(None)
            self.connection.release(NULL_ARRAY if reply is None else _reply(reply))

    def try_again(self, waiting: _Waiting) -> Any:
        """The reply to the command that waits, or that it has none yet."""
        reply = waiting.attempt(False)
        if reply is None:
            return _STILL
        del self.engine.waiting[self]
        return waiting.shaped(reply)

    # Ending.

    def kill(self) -> None:
        self.leave()
        self.connection.disconnect()

    def leave(self) -> None:
        """Take the connection's subscriptions, transaction and waiting with it."""
        self.engine.waiting.pop(self, None)
        if self in self._server.sockets:
            self._server.sockets.remove(self)
        self._discard_subscriptions()
        self._clear_watches()
        self._forget_transaction()


class _Keys(Database):
    """The entries of one database, which tells of changes and keeps the order of use where that is wanted."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.server.lock)
        self._engine = engine
        self._dict = _Entries(engine)
        self._watches = defaultdict(_InOrder)  # type: ignore[arg-type]
        self.time = engine.now_s

    def notify_watch(self, key: bytes) -> None:
        self._engine.changed[key] = self._engine.author
        for one in self._watches.get(key, ()):
            one.notify_watch()

    def wake_all(self) -> None:
        """Do nothing: no thread waits."""

    def clear(self) -> None:
        super().clear()
        self._engine.is_flushed = True

    def __getitem__(self, key: bytes) -> Any:
        item = super().__getitem__(key)
        if self._engine.keeps_order:
            entries = self._dict
            dict.__delitem__(entries, key)
            dict.__setitem__(entries, key, item)
        return item


class _Entries(dict[bytes, Any]):
    """A dict that tells of what is taken out of it: an entry that expired, or was evicted."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine

    def __delitem__(self, key: bytes) -> None:
        super().__delitem__(key)
        self._engine.changed[key] = 0


class _InOrder:
    """A set in the order in which its members came."""

    def __init__(self) -> None:
        self._members: dict[Any, None] = {}

    def add(self, member: Any) -> None:
        self._members[member] = None

    def discard(self, member: Any) -> None:
        self._members.pop(member, None)

    remove = discard

    def __contains__(self, member: object) -> bool:
        return member in self._members

    def __iter__(self) -> Iterator[Any]:
        return iter((*self._members,))

    def __len__(self) -> int:
        return len(self._members)


def _reply(value: Any) -> Any:
    """A reply of fakeredis as ours."""
    ours = _OURS.get(type(value))
    return value if ours is None else ours(value)


_OURS: dict[type, Callable[[Any], Reply | NoReply]] = {
    list: lambda value: [_reply(part) for part in value],
    tuple: lambda value: [_reply(part) for part in value],
    dict: lambda value: {_reply(name): _reply(part) for name, part in value.items()},
    SimpleString: lambda value: SimpleReply(value.value),
    SimpleError: lambda value: ErrorReply(value.value),
    NoResponse: lambda value: NO_REPLY,
}


@cache
def flags_of(name: str) -> frozenset[str]:
    """The flags that Redis's table of commands gives a command, `client id` or `get`."""
    whole, _, part = name.partition(" ")
    info = get_all_commands_info().get(whole.encode())
    if info is None:
        return frozenset()
    if part:
        full = f"{whole}|{part}".encode()
        info = next((one for one in info[9] if one[0] == full), info)
    return frozenset(flag.decode() for flag in info[2])


def _names_keys(signature: Any, arguments: list[bytes]) -> bool:
    if signature.name.lower() in {"eval", "evalsha"}:
        return len(arguments) > 1 and arguments[1] != b"0"
    return any(isinstance(one, Key) for one in (*signature.fixed, *signature.repeat))


def is_known(name: str) -> bool:
    """Whether fakeredis has the command."""
    return name in SUPPORTED_COMMANDS


class _Instead:
    """A module as fakeredis uses it, whose clock or draws are the engine's while one executes."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        engine = _Turn.current
        if engine is not None:
            if self._module is time and name == "time":
                return lambda: engine.now_s
            if self._module is random and hasattr(engine.rng, name):
                return getattr(engine.rng, name)
            if self._module is secrets and name == "token_hex":
                return lambda nbytes=32: engine.rng.randbytes(nbytes).hex()
        return getattr(self._module, name)


def _take_over() -> None:
    """Have every module of fakeredis ask the engine for the time and for its draws."""
    for name, module in tuple(sys.modules.items()):
        if name.startswith("fakeredis."):
            for replaced in (time, random, secrets):
                if vars(module).get(replaced.__name__) is replaced:
                    setattr(module, replaced.__name__, _Instead(replaced))


_take_over()
