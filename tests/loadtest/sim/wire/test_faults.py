"""Faults of the simulated Redis, as a client of one's own sees them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from app import scripts
from loadtest.sim.wire.network import Host, dialling
from loadtest.sim.wire.refusals import AskedCommand, CommandRefusal, ReplyCode
from loadtest.sim.wire.server import PUBSUB_UNSENT_BYTES_MAX, VirtualRedis
from loadtest.sim.wire.transport import WINDOW_BYTES
from loadtest.sim.wire.trouble import WELL, LinkTrouble
from tests.loadtest.sim.wire.conversations import WAY_S, Conversation, SimulatedWorld

T = TypeVar("T")

FaultCase = Callable[[VirtualRedis, Conversation], Awaitable[T]]


def run(case: FaultCase[T], seed: int = 1) -> T:
    return SimulatedWorld(seed).run_with(lambda server: lambda conversation: case(server, conversation))


def now_s() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize("is_emptied", [True, False])
def test_a_redis_that_is_away_resets_refuses_and_comes_back(is_emptied: bool) -> None:
    async def case(server: VirtualRedis, conversation: Conversation) -> None:
        talker = await conversation.talker()
        await talker.say("SET", "a", "1")
        digest = (await talker.say("SCRIPT", "LOAD", "return 7")).split(b"\r\n")[1]
        server.go_away(is_emptied)
        with pytest.raises(ConnectionError):
            await talker.say("GET", "a")
        with pytest.raises(ConnectionRefusedError):
            await conversation.talker()
        server.come_back()
        again = await conversation.talker()
        assert await again.say("GET", "a") == (b"$-1\r\n" if is_emptied else b"$1\r\n1\r\n")
        assert (await again.say("EVALSHA", digest, 0)).startswith(b"-NOSCRIPT" if is_emptied else b":7")

    run(case)


def test_a_paused_redis_takes_connections_and_executes_later_all_that_piled_up_in_its_order() -> None:
    async def case(server: VirtualRedis, conversation: Conversation) -> None:
        first = await conversation.talker()
        server.pause()
        second = await conversation.talker()
        second.send("SET", "a", "of the second")
        await asyncio.sleep(1)
        first.send("APPEND", "a", ", then of the first")
        first.send("GET", "a")
        assert await second.is_silent(5)
        assert server.entries() == {}
        server.go_on()
        assert [await first.hear() for _ in range(2)] == [b":32\r\n", b"$32\r\nof the second, then of the first\r\n"]
        assert await second.hear() == b"+OK\r\n"

    run(case)


ALL: dict[ReplyCode, dict[str, bool]] = {
    ReplyCode.READONLY: {"GET": False, "SET": True, "DEL": True, "LOCK": True, "PING": False},
    ReplyCode.OOM: {"GET": False, "SET": True, "DEL": False, "LOCK": True, "PING": False},
    ReplyCode.BUSY: {"GET": True, "SET": True, "DEL": True, "LOCK": True, "PING": True},
    ReplyCode.NOPERM: {"GET": True, "SET": True, "DEL": True, "LOCK": True, "PING": True},
    ReplyCode.LOADING: {"GET": True, "SET": True, "DEL": True, "LOCK": True, "PING": True},
    ReplyCode.MOVED: {"GET": True, "SET": True, "DEL": True, "LOCK": True, "PING": False},
}
"""The commands that each error is the reply to; LOCK is the service's script, which writes."""


@pytest.mark.parametrize("code", ReplyCode)
def test_each_error_is_the_reply_to_those_commands_that_a_real_redis_gives_it_to(code: ReplyCode) -> None:
    async def case(server: VirtualRedis, conversation: Conversation) -> None:
        talker = await conversation.talker()
        await talker.say("SET", "kept", "1")
        server.refuse([CommandRefusal(code)])
        lock = scripts.LOCK.in_full(("lock",), ("token", 1_000, 100))
        replies = {name: await talker.say(name, "kept", *("2",) * (name == "SET")) for name in ("GET", "SET", "DEL")}
        replies |= {"LOCK": await talker.say_packed(lock), "PING": await talker.say("PING")}
        assert {name: reply.startswith(b"-" + code.encode()) for name, reply in replies.items()} == ALL[code]
        server.refuse()
        assert await talker.say("EXISTS", "lock", "kept") == (b":1\r\n" if replies["DEL"][:1] == b"-" else b":0\r\n")
        server.refuse([CommandRefusal(code)])
        assert (await talker.say("MULTI"))[:1] in b"+-"
        assert not (await talker.say("HELLO")).startswith(b"-") or code is ReplyCode.NOPERM

    run(case)


def test_an_error_can_be_narrowed_to_scripts_by_what_they_are_and_to_one_host() -> None:
    def applies(asked: AskedCommand) -> bool:
        return asked.script == scripts.UNLOCK.text.encode() and asked.host == "pod-1"

    async def case(server: VirtualRedis, conversation: Conversation) -> None:
        talker = await conversation.talker()
        await talker.say_packed(scripts.LOCK.in_full(("lock",), ("token", 1_000, 100)))
        unlock = scripts.UNLOCK.in_full(("lock", "key"), ("token", "channel"))
        await talker.say("SCRIPT", "LOAD", scripts.UNLOCK.text)
        server.refuse([CommandRefusal(ReplyCode.NOPERM, applies)])
        named = scripts.UNLOCK.named(("lock", "key"), ("token", "channel"))
        for command in (unlock, named):
            assert (await talker.say_packed(command)).startswith(b"-NOPERM")
        assert await talker.say("GET", "lock") == b"$5\r\ntoken\r\n"
        dialling.set(Host("pod-2"))
        assert await (await conversation.talker()).say_packed(named) == b":1\r\n"

    run(case)


def test_connections_are_reset_under_a_share_of_the_commands_half_of_which_were_executed() -> None:
    async def case(server: VirtualRedis, conversation: Conversation) -> tuple[int, int]:
        server.reset_under(0.4)
        lost = executed_before = 0
        for _ in range(500):
            talker = await conversation.talker()
            try:
                await talker.say("INCR", "a")
                executed_before += 1
            except ConnectionError:
                lost += 1
        executed = int(str(server.entries()[b"a"].value, "ascii"))  # type: ignore[call-overload]
        return lost, executed - executed_before

    lost, executed_and_lost = run(case)
    assert 160 <= lost <= 240
    assert 0.35 <= executed_and_lost / lost <= 0.65


def test_a_full_redis_evicts_what_was_used_longest_ago_or_refuses_what_takes_memory() -> None:
    async def case(server: VirtualRedis, conversation: Conversation) -> None:
        talker = await conversation.talker()
        server.keep_order()
        for name in "abcd":
            await talker.say("SET", name, "1")
        await talker.say("GET", "a")
        server.limit(3)
        assert [*server.entries()] == [b"c", b"d", b"a"]
        await talker.say("EVAL", "return redis.call('SET', KEYS[1], '1')", 1, "e")
        assert [*server.entries()] == [b"d", b"a", b"e"]
        server.limit(3, "noeviction")
        assert (await talker.say("SET", "f", "1")).startswith(b"-OOM")
        assert (await talker.say("EVAL", "return redis.call('SET', KEYS[1], '1')", 1, "f")).startswith(b"-OOM")
        assert await talker.say("DEL", "d") == b":1\r\n"
        assert await talker.say("SET", "f", "1") == b"+OK\r\n"
        server.limit(None)
        assert await talker.say("SET", "g", "1") == b"+OK\r\n"

    run(case)


def test_entries_that_are_evicted_or_flushed_are_told_to_those_that_track_them() -> None:
    async def case(server: VirtualRedis, conversation: Conversation) -> None:
        talker = await conversation.talker()
        await talker.say("HELLO", 3)
        await talker.say("SET", "a", "1")
        await talker.say("CLIENT", "TRACKING", "ON", "BCAST")
        server.limit(0)
        assert await talker.hear() == b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n"
        server.flush()
        assert await talker.hear() == b">2\r\n$10\r\ninvalidate\r\n_\r\n"

    run(case)


def test_a_clock_apart_moves_time_expiries_and_leases() -> None:
    async def case(server: VirtualRedis, conversation: Conversation) -> None:
        talker = await conversation.talker()
        right_s = server.now_s()
        await talker.say("SET", "until", "1", "PXAT", round((right_s + 60) * 1000))
        await talker.say("SET", "for", "1", "PX", 60_000)
        server.set_clock(100.0)
        assert int((await talker.say("TIME")).split(b"\r\n")[2]) == int(right_s + 100)
        await talker.say("SET", "later", "1", "PX", 60_000)
        assert await talker.say("EXISTS", "until", "for", "later") == b":1\r\n"
        server.set_clock(-100.0)
        assert await talker.say("PTTL", "later") == b":%d\r\n" % round((260 - 4 * WAY_S) * 1000)

    run(case)


def test_a_deaf_host_gets_no_messages_though_its_commands_are_answered() -> None:
    async def case(server: VirtualRedis, conversation: Conversation) -> None:
        listener, speaker = await conversation.talker(), await conversation.talker()
        await listener.say("SUBSCRIBE", "a")
        server.deafen(["pod-1"])
        assert await speaker.say("PUBLISH", "a", "lost") == b":1\r\n"
        assert await listener.is_silent(1)
        assert (await listener.say("PING")).startswith(b"*2\r\n$4\r\npong")
        server.deafen()
        await speaker.say("PUBLISH", "a", "heard")
        assert (await listener.hear()).endswith(b"heard\r\n")

    run(case)


def test_a_subscriber_that_does_not_read_is_cut_off_once_too_much_waits_for_it() -> None:
    async def case(server: VirtualRedis, conversation: Conversation) -> None:
        listener = await conversation.talker()
        await listener.say("SUBSCRIBE", "a")
        server.port.set_trouble(LinkTrouble(client_reads=False), "pod-1")
        dialling.set(Host("pod-2"))
        speaker = await conversation.talker()
        message = bytes(1024 * 1024)
        told = [int((await speaker.say("PUBLISH", "a", message))[1:]) for _ in range(50)]
        cut_off_at = (WINDOW_BYTES + PUBSUB_UNSENT_BYTES_MAX) // len(message)
        assert told == [1] * cut_off_at + [0] * (50 - cut_off_at)

    run(case)


def test_a_redis_that_does_not_read_leaves_its_clients_waiting() -> None:
    async def case(server: VirtualRedis, conversation: Conversation) -> None:
        talker = await conversation.talker()
        server.port.set_trouble(LinkTrouble(server_reads=False))
        talker.send("SET", "a", bytes(2 * WINDOW_BYTES))
        assert await talker.is_silent(60)
        server.port.set_trouble(WELL)
        assert await talker.hear() == b"+OK\r\n"

    run(case)


def test_a_slow_link_takes_longer_and_slices_come_one_after_the_other() -> None:
    async def case(server: VirtualRedis, conversation: Conversation) -> None:
        talker = await conversation.talker()
        server.port.set_trouble(LinkTrouble(extra_s=0.25))
        began_s = now_s()
        await talker.say("ECHO", "x" * 94)
        assert now_s() - began_s == pytest.approx(2 * WAY_S + 0.5)
        server.port.set_trouble(LinkTrouble(slice_bytes=10, slice_apart_s=0.1))
        began_s = now_s()
        assert len(await talker.say("ECHO", "x" * 93)) == 100
        assert now_s() - began_s == pytest.approx(2 * WAY_S + 0.9)

    run(case)


def test_a_half_open_link_of_one_host_executes_or_not_and_leaves_the_others_alone() -> None:
    async def case(server: VirtualRedis, conversation: Conversation) -> None:
        dead = await conversation.talker()
        dialling.set(Host("pod-2"))
        alive = await conversation.talker()
        for arrives, expected in ((False, b":0\r\n"), (True, b":1\r\n")):
            server.port.set_trouble(LinkTrouble(is_silent=True, arrives=arrives), "pod-1")
            dead.send("SET", "a", "1")
            assert await dead.is_silent(10)
            assert await alive.say("EXISTS", "a") == expected
        server.port.set_trouble(WELL, "pod-1")
        with pytest.raises(ConnectionResetError):
            await dead.hear()
        assert len(server.port.connections("pod-1")) == 0

    run(case)


def test_what_is_no_command_ends_the_connection_with_an_error() -> None:
    async def case(server: VirtualRedis, conversation: Conversation) -> None:
        talker = await conversation.talker()
        assert (await talker.say_packed(lambda: b"*1\r\n:1\r\n")).startswith(b"-ERR Protocol error")
        with pytest.raises(ConnectionError):
            await talker.hear()
        assert server.counts == {}

    run(case)


def test_commands_are_counted_by_name_and_those_of_scripts_with_their_script() -> None:
    async def case(server: VirtualRedis, conversation: Conversation) -> None:
        await conversation.tell(
            [("GET", "a"), ("get", "b"), ("EVAL", "return redis.call('GET', 'a')", 0), ("CLIENT", "ID"), ("NO", "NO")]
        )
        assert server.counts == {"get": 2, "eval": 1, "client id": 1, "unknown": 1}

    run(case)
