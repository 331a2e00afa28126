"""What the lab relies on in fakeredis by names that it may rename: each test says what broke when one does."""

import inspect
import subprocess
import sys

import fakeredis
import pytest
from fakeredis import _commands, _core, _helpers, _msgs, _socket
from fakeredis._core import Database
from fakeredis._socket._fakesocket import FakeSocket

from loadtest import ROOT
from loadtest.sim.wire import fakeredis_seam
from loadtest.sim.wire.command_table import NOT_QUEUED, NULL_ARRAYS, SETS, flags_of
from loadtest.sim.wire.fakeredis_seam import TAKEN_OVER, Executor, Keyspace

OVERRIDDEN = {
    "_run_command": "error replies to commands that scripts call",
    "_subscribe": "pub/sub in RESP3, and the count of a connection's subscriptions",
    "_unsubscribe": "UNSUBSCRIBE without channels",
    "_discard_subscriptions": "RESET, and connections that end",
    "_client_type": "CLIENT KILL TYPE pubsub",
    "_keyspace_notifications": "that no keyspace event is published unless it was asked for",
    "_blocking": "commands that block, without threads",
    "_get_server_runtime": "scripts: redis.sha1hex, globals that are refused, seeded draws",
    "_lua_redis_call": "the line in the errors of scripts",
    "_auth": "AUTH",
    "put_response": "messages to subscribers",
    "eval": "scripts, compiled once",
    "evalsha": "scripts by their digest",
    "hello": "HELLO",
    "ping": "PING of a subscriber",
    "kill": "CLIENT KILL",
}
"""The methods of fakeredis's connection that are replaced, and what does not work when it calls them otherwise."""
USED = {
    "_name_to_func": "every command",
    "_queueing": "MULTI",
    "_transaction_failed": "EXECABORT",
    "_forget_transaction": "connections that end within MULTI",
    "_clear_watches": "WATCH",
    "_convert_lua_result": "replies of scripts",
}
"""What is used of fakeredis's connection, and what does not work without it."""


@pytest.mark.parametrize("name", OVERRIDDEN)
def test_a_replaced_method_is_still_one_of_fakeredis(name: str) -> None:
    assert name in vars(Executor), f"{name} is replaced no more: take it off the list"
    assert hasattr(FakeSocket, name), f"fakeredis {fakeredis.__version__} moved {name}: broken is {OVERRIDDEN[name]}"
    theirs = [*inspect.signature(getattr(FakeSocket, name)).parameters]
    ours = [*inspect.signature(getattr(Executor, name)).parameters]
    if name not in {"ping", "hello"}:
        assert len(ours) == len(theirs), f"{name} takes {theirs} now: broken is {OVERRIDDEN[name]}"


@pytest.mark.parametrize("name", USED)
def test_what_is_used_of_fakeredis_is_still_there(name: str) -> None:
    is_there = hasattr(FakeSocket, name) or f"self.{name}" in inspect.getsource(
        inspect.getmodule(FakeSocket._clear_watches)  # type: ignore[arg-type]
    )
    assert is_there, f"fakeredis moved {name}: broken is {USED[name]}"


def test_entries_lie_where_room_expiry_and_tracking_look_for_them() -> None:
    for name in ("notify_watch", "clear", "wake_all", "__getitem__"):
        assert name in vars(Database), f"fakeredis moved Database.{name}"
        assert name in vars(Keyspace)
    source = inspect.getsource(Database)
    assert "self._dict" in source
    assert "self.time" in source, "expiry goes by another clock now"


def test_the_clock_and_the_draws_of_fakeredis_are_the_engines() -> None:
    wanted = {
        "fakeredis._socket._base.time": "expiry",
        "fakeredis._helpers.time": "expiry of hash fields, streams",
        "fakeredis.commands_mixins.server_mixin.time": "TIME",
        "fakeredis.model._client_info.time": "CLIENT LIST",
        "fakeredis.model._expiring_members_set.random": "SPOP and SRANDMEMBER",
        "fakeredis._core._database.random": "RANDOMKEY",
    }
    assert {name: what for name, what in wanted.items() if name not in TAKEN_OVER} == {}


def test_names_of_commands_in_the_labs_own_lists_are_commands_of_fakeredis() -> None:
    listed = NULL_ARRAYS | SETS | NOT_QUEUED
    assert {name for name in listed if name not in _commands.SUPPORTED_COMMANDS} == set()
    assert flags_of("set") >= {"write", "denyoom"}
    assert "loading" in flags_of("client id")
    assert flags_of("nonsense") == frozenset()


def test_only_the_seam_names_what_is_private_in_fakeredis() -> None:
    private = (_commands, _core, _helpers, _msgs, _socket)
    held = [
        name
        for name, value in vars(fakeredis_seam).items()
        if getattr(value, "__module__", "").startswith("fakeredis._")
    ]
    assert {"FakeSocket", "SimpleError", "Database"} <= {*held}
    assert all(module.__name__.startswith("fakeredis._") for module in private)


def test_a_simulation_without_the_wire_does_not_wait_for_fakeredis() -> None:
    program = "import sys, loadtest.sim.cluster.simulate; print('fakeredis' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, cwd=ROOT, text=True)
    assert ran.stdout == "False\n"
