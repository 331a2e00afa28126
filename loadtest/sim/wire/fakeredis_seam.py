"""The seam to fakeredis, which executes the commands: the one place that uses names that it does not promise to keep.

fakeredis brings the commands, their arguments, errors and replies, and runs scripts with lupa. What would not repeat is
replaced: its clock, its random draws, its weak sets of subscribers, and its threads for commands that block.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from hashlib import sha1
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from fakeredis import FakeServer
from fakeredis._commands import SUPPORTED_COMMANDS, Key, command
from fakeredis._core import Database
from fakeredis._helpers import OK, QUEUED, NoResponse, SimpleError, SimpleString
from fakeredis._msgs import FLAG_TRANSACTION
from fakeredis._socket._fakesocket import FakeSocket
from fakeredis._socket._resp import extract_command
from fakeredis.commands_mixins.scripting_mixin import LUA_MODULE

from loadtest.sim.wire import script_texts, server_texts
from loadtest.sim.wire.command_table import (
    NOT_QUEUED,
    NULL_ARRAYS,
    NULL_ARRAYS_BY_COUNT,
    SETS,
    WHILE_SUBSCRIBED,
    flags_of,
)
from loadtest.sim.wire.in_order import InOrder
from loadtest.sim.wire.refusals import AskedCommand
from loadtest.sim.wire.resp import NO_REPLY, NULL_ARRAY, ErrorReply, NoReply, Reply, SetReply, SimpleReply
from loadtest.sim.wire.turn import Turn, take_over

if TYPE_CHECKING:
    from loadtest.sim.wire.engine import Engine

STILL = object()
"""The outcome of an attempt of a command that blocks, and still has nothing."""


class ExpectsReplies(Protocol):
    """A connection, as the commands see it."""

    host: str

    def push(self, message: Sequence[Reply]) -> None:
        """Send a message that no command asked for."""
        ...

    def release(self, reply: Reply) -> None:
        """Send the reply of a command that had to wait, and go on."""
        ...

    def end(self) -> None:
        """Close the connection once the replies have left that are under way."""
        ...


class Waiting:
    """A command that blocks until an attempt of it gives something, or its time is over."""

    def __init__(self, attempt: Callable[[bool], Any], shape: Callable[[Any], Any] | None) -> None:
        self.attempt, self.shape = attempt, shape

    def shaped(self, reply: Any) -> Any:
        return reply if self.shape is None else self.shape(reply)


class Executor(FakeSocket):
    """The commands of one connection."""

    def __init__(self, engine: "Engine", connection: ExpectsReplies) -> None:
        self.engine, self.connection = engine, connection
        self.subscribed = 0
        """The channels and patterns that the connection is subscribed to."""
        self._script: bytes | None = None
        with Turn(engine):
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

    def execute(self, words: Sequence[bytes]) -> Reply | NoReply:
        """Execute a command, and return its reply."""
        name, arguments = extract_command(list(words))
        engine = self.engine
        engine.author = self.client_id
        with Turn(engine):
            if name not in SUPPORTED_COMMANDS:
                engine.counts["unknown"] += 1
                return ErrorReply(self._fail_queue(SimpleError(server_texts.unknown(words))).value)
            engine.counts[name] += 1
            reply = self._answer(name, arguments)
        if reply is None and (name in NULL_ARRAYS or (name in NULL_ARRAYS_BY_COUNT and len(arguments) > 1)):
            return NULL_ARRAY
        if type(reply) is list and (name in SETS or (name == "spop" and len(arguments) > 1)):
            return SetReply(tuple(reply))
        ours: Reply | NoReply = reply_of(reply)
        return ours

    def _answer(self, name: str, arguments: list[bytes]) -> Any:
        """The reply to a command, as fakeredis has it."""
        try:
            if self.subscribed and self.protocol == 2 and name not in WHILE_SUBSCRIBED:
                raise SimpleError(server_texts.not_while_subscribed(name))
            function, signature = self._name_to_func(name)
            signature.check_arity(arguments, self.version)
            self._refuse(name, arguments, signature, is_called=False)
            if self._queueing and name in NOT_QUEUED:
                raise SimpleError(f"ERR Command '{name}' not allowed inside a transaction")
            if self._queueing and FLAG_TRANSACTION not in signature.flags:
                assert self._transaction is not None
                self._transaction.append((function, signature, arguments))
                return QUEUED
        except SimpleError as error:
            return self._fail_queue(error)
        try:
            return self._run_command(function, signature, arguments, False)
        except SimpleError as error:
            return error

    def _fail_queue(self, error: SimpleError) -> SimpleError:
        """Have the transaction fail that the erroneous command was to be a part of."""
        if self._queueing:
            self._transaction_failed = True
        return error

    def _run_command(self, function: Any, signature: Any, arguments: list[Any], from_script: bool) -> Any:
        if from_script:
            self.engine.called += 1
            try:
                self._refuse(signature.name, arguments, signature, is_called=True)
            except SimpleError as error:
                return error
        reply = super()._run_command(function, signature, arguments, from_script)
        if type(reply) is list and signature.name in SETS:
            reply.sort()  # else their order would be that of Python's hashes, another one in each process
        return reply

    def _refuse(self, name: str, arguments: list[bytes], signature: Any, is_called: bool) -> None:
        """Raise the error that the command gets instead of being executed."""
        engine = self.engine
        if engine.entries_max is not None and _takes_memory(name) and not engine.has_room():
            raise SimpleError(server_texts.NO_ROOM)
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

    # Scripts.

    def eval(self, script: bytes, numkeys: int, *keys_and_args: bytes) -> Any:
        if numkeys < 0 or numkeys > len(keys_and_args):
            return super().eval(script, numkeys, *keys_and_args)  # which has the errors
        digest = sha1(script).hexdigest().encode()
        server: Any = self._server
        server.script_cache[digest] = script
        lua = self._get_server_runtime(server)
        server._lua_current_socket[0] = self
        self._script, self._script_resp = script, 2
        server._lua_set_keys_argv(lua.table_from(keys_and_args[:numkeys]), lua.table_from(keys_and_args[numkeys:]))
        try:
            function = server.compiled.get(digest)
            if function is None:
                function = server.compiled[digest] = lua.compile(script)
            server.seed_draws(0)  # a script's draws are always the same, as in Redis
            result = function()
        except SimpleError as error:
            raise SimpleError(script_texts.raised_by_command(error.value, server.line)) from None
        except LUA_MODULE.LuaError as error:
            is_syntax = isinstance(error, LUA_MODULE.LuaSyntaxError)
            raise SimpleError(script_texts.raised_by_lua(error.args[0] if error.args else "", is_syntax)) from None
        finally:
            self._script_resp = None
        return self._convert_lua_result(result[0] if isinstance(result, tuple) else result, nested=False)

    def evalsha(self, sha1: bytes, numkeys: int, *keys_and_args: bytes) -> Any:
        if (script := self._server.script_cache.get(sha1.lower())) is None:
            raise SimpleError(server_texts.NO_SCRIPT)
        return self.eval(script, numkeys, *keys_and_args)

    def _script_of(self, name: str, arguments: list[bytes]) -> bytes | None:
        if name == "eval":
            return arguments[0]
        return self._server.script_cache.get(arguments[0].lower()) if name == "evalsha" else None

    def _get_server_runtime(self, server: Any) -> Any:
        if (runtime := getattr(server, "_lua_runtime", None)) is not None:
            return runtime
        runtime = super()._get_server_runtime(server)
        server.compiled, server.line = {}, 1
        server.seed_draws = runtime.eval("math.randomseed")
        server.line_of_call = runtime.eval(script_texts.LINE_OF_CALL)
        runtime.globals().redis.sha1hex = lambda text: sha1(text).hexdigest().encode()
        runtime.execute(script_texts.STRICT)
        return runtime

    def _lua_redis_call(self, lua_runtime: Any, expected_globals: set[Any], op: bytes, *args: Any) -> Any:
        try:
            return super()._lua_redis_call(lua_runtime, expected_globals, op, *args)
        except SimpleError:
            server: Any = self._server
            server.line = server.line_of_call()
            raise

    # Publishing and subscribing.

    def put_response(self, msg: Any) -> None:
        self.connection.push([reply_of(part) for part in msg])

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

    def _discard_subscriptions(self) -> None:
        super()._discard_subscriptions()
        self.subscribed = 0

    @staticmethod
    def _client_type(sock: Any) -> bytes:
        return b"pubsub" if sock.subscribed else b"normal"

    def _keyspace_notifications(self, command_items: Any, event: bytes) -> None:
        if self._server.config.get(b"notify-keyspace-events"):
            super()._keyspace_notifications(command_items, event)

    def hear_invalid(self, keys: list[bytes] | None) -> None:
        """Tell the client of keys that it tracks and that have changed; None for all."""
        if self.protocol == 3:
            self.connection.push([b"invalidate", keys])
        elif self.subscribed:
            self.connection.push([b"message", b"__redis__:invalidate", keys])

    # Commands about the connection and the server.

    def hello(self, *args: bytes) -> Any:
        if args and not args[0].isdigit():
            raise SimpleError("ERR Protocol version is not an integer or out of range")
        if args and int(args[0]) not in {2, 3}:
            raise SimpleError("NOPROTO unsupported protocol version")
        told = super().hello(*(args or (b"%d" % self.protocol,)))
        return {**told, "server": server_texts.SERVER, "version": ".".join(map(str, server_texts.VERSION))}

    def _auth(self, *args: bytes) -> Any:
        if len(args) == 1 and not self._server.config.get(b"requirepass"):
            raise SimpleError(server_texts.NO_PASSWORD)
        return super()._auth(*args)

    def ping(self, *args: bytes) -> Any:
        if self.subscribed and self.protocol == 2:
            return [b"pong", args[0] if args else b""]
        return super().ping(*args)

    @command(name="CLIENT TRACKING", fixed=(bytes,), repeat=(bytes,))
    def client_tracking(self, *words: bytes) -> Any:
        clients = {one.client_id for one in self._server.sockets}
        try:
            self.engine.tracking.ask(self.client_id, words, clients)
        except ValueError as error:
            raise SimpleError(f"ERR {error}") from None
        return OK

    @command(name="CONFIG GET", fixed=(bytes,), repeat=(bytes,))
    def config_get(self, *patterns: bytes) -> Any:
        asked = [pattern.decode(errors="replace").lower() for pattern in patterns]
        known = server_texts.CONFIGURED | {name.decode(): value.decode() for name, value in self._server.config.items()}
        told = {name: value for name, value in known.items() if any(fnmatchcase(name, pattern) for pattern in asked)}
        return {name.encode(): value.encode() for name, value in told.items()}

    @command(name="INFO", fixed=(), repeat=(bytes,))
    def info(self, *sections: bytes) -> Any:
        return server_texts.info(len(self._server.dbs[0]))

    @command(name="QUIT", fixed=(), repeat=(bytes,))
    def quit(self, *_: bytes) -> Any:
        self.connection.end()
        return OK

    # Waiting.

    def _blocking(self, timeout: float | None, func: Callable[[bool], Any], shape: Any = None) -> Any:
        reply = func(True)
        waiting = Waiting(func, shape)
        if reply is not None or self._in_transaction:
            return waiting.shaped(reply)
        self.engine.waiting[self] = waiting
        if timeout:
            self.engine.call_later(timeout, lambda: self._give_up(waiting))
        return NoResponse()

    def _give_up(self, waiting: Waiting) -> None:
        if self.engine.waiting.get(self) is waiting:
            del self.engine.waiting[self]
            with Turn(self.engine):
                reply = waiting.shaped(None)
            self.connection.release(NULL_ARRAY if reply is None else reply_of(reply))

    def try_again(self, waiting: Waiting) -> Any:
        """The reply to the command that waits, or `STILL`."""
        reply = waiting.attempt(False)
        if reply is None:
            return STILL
        del self.engine.waiting[self]
        return waiting.shaped(reply)

    # Ending.

    def kill(self) -> None:
        self.leave()
        self.connection.end()

    def leave(self) -> None:
        """Take the connection's subscriptions, transaction and waiting with it."""
        self.engine.waiting.pop(self, None)
        self.engine.tracking.forget(self.client_id)
        if self in self._server.sockets:
            self._server.sockets.remove(self)
        self._discard_subscriptions()
        self._clear_watches()
        self._forget_transaction()


class Keyspace(Database):
    """The entries of one database, which tells of changes and keeps the order of use where that is wanted."""

    def __init__(self, engine: "Engine") -> None:
        super().__init__(engine.server.lock)
        self._engine = engine
        self._dict = _Entries(engine)
        self._watches = defaultdict(InOrder)  # type: ignore[arg-type]
        self.time = engine.now_s

    def alive(self, now_s: float) -> dict[bytes, tuple[object, float | None]]:
        """The entries that have not expired: their values, and when they end."""
        return {
            key: (item.value, item.expireat)
            for key, item in self._dict.items()
            if item.expireat is None or item.expireat >= now_s
        }

    def ends_s(self, key: bytes) -> float | None:
        """The moment at which an entry expires; None where there is none, or it never does."""
        item = self._dict.get(key)
        return None if item is None else item.expireat

    def evict_down_to(self, entries: int) -> list[bytes]:
        """Drop those that were used longest ago, until there are no more than so many; the result is their keys."""
        evicted = [*islice(self._dict, max(0, len(self._dict) - entries))]
        for key in evicted:
            del self._dict[key]
        return evicted

    def notify_watch(self, key: bytes) -> None:
        self._engine.note_change(key)
        for one in self._watches.get(key, ()):
            one.notify_watch()

    def wake_all(self) -> None:
        """Do nothing: no thread waits."""

    def clear(self) -> None:
        super().clear()
        self._engine.note_flush()

    def __getitem__(self, key: bytes) -> Any:
        item = super().__getitem__(key)
        if self._engine.keeps_order:
            entries = self._dict
            entries[key] = entries.pop(key)  # behind all others
        return item


class _Entries(dict[bytes, Any]):
    """A dict that tells of what is taken out of it: an entry that expired, or was evicted."""

    def __init__(self, engine: "Engine") -> None:
        super().__init__()
        self._engine = engine

    def __delitem__(self, key: bytes) -> None:
        super().__delitem__(key)
        self._engine.note_loss(key)


def new_server(new_keys: Callable[[], Keyspace]) -> Any:
    """A server of fakeredis whose databases are made by that function, and whose subscribers keep their order."""
    server: Any = FakeServer(version=server_texts.VERSION, server_type="valkey")
    server.dbs = defaultdict(new_keys)
    for kind in ("subscribers", "psubscribers", "ssubscribers"):
        setattr(server, kind, defaultdict(InOrder))
    return server


def reply_of(value: Any) -> Any:
    """A reply of fakeredis as ours."""
    ours = _OURS.get(type(value))
    return value if ours is None else ours(value)


_EXPIRE_TIME = re.compile(r"(invalid expire time in )(\w+)$")
_OURS: dict[type, Callable[[Any], Reply | NoReply]] = {
    list: lambda value: [reply_of(part) for part in value],
    tuple: lambda value: [reply_of(part) for part in value],
    dict: lambda value: {reply_of(name): reply_of(part) for name, part in value.items()},
    SimpleString: lambda value: SimpleReply(value.value),
    SimpleError: lambda value: ErrorReply(_EXPIRE_TIME.sub(r"\1'\2' command", value.value)),
    NoResponse: lambda value: NO_REPLY,
}


def _takes_memory(name: str) -> bool:
    return "denyoom" in flags_of(name) and "pubsub" not in flags_of(name)


def _names_keys(signature: Any, arguments: list[bytes]) -> bool:
    if signature.name.lower() in {"eval", "evalsha"}:
        return len(arguments) > 1 and arguments[1] != b"0"
    return any(isinstance(one, Key) for one in (*signature.fixed, *signature.repeat))


TAKEN_OVER = take_over()
"""The names in fakeredis that the engine's clock and draws have taken the place of."""
