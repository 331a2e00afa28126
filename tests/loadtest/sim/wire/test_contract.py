"""The simulated Redis answers as the real one does, byte for byte."""

from collections.abc import Sequence
from hashlib import sha1

import pytest

from app import scripts
from app.commands import Word
from app.scripts import Script
from tests.loadtest.sim.wire.conversations import Conversation, same_in_both

Commands = Sequence[Sequence[Word]]

COMMANDS: dict[str, Commands] = {
    "strings": [
        ("SET", "a", "1"),
        ("GET", "a"),
        ("GET", "none"),
        ("SET", "a", "2", "NX"),
        ("SET", "b", b"\x00\r\n\xff", "NX", "PX", 60_000),
        ("SET", "a", "3", "XX", "GET"),
        ("SETNX", "a", 1),
        ("SETEX", "c", 100, "x"),
        ("PSETEX", "d", 100_000, "y"),
        ("MGET", "a", "b", "none", "c"),
        ("MSET", "e", "1", "f", "2"),
        ("GETSET", "e", "9"),
        ("GETDEL", "f"),
        ("GETEX", "e", "EX", 100),
        ("STRLEN", "b"),
        ("APPEND", "a", "45"),
        ("GETRANGE", "a", 0, 1),
        ("EXISTS", "a", "b", "none"),
        ("DEL", "a", "none"),
        ("UNLINK", "b"),
        ("TYPE", "c"),
        ("TYPE", "none"),
        ("DBSIZE",),
        ("SET", "big", b"x" * 300_000),
        ("GET", "big"),
        ("FLUSHDB",),
        ("GET", "big"),
        ("ECHO", ""),
        ("PING",),
        ("PING", "hello"),
    ],
    "numbers": [
        ("INCR", "n"),
        ("INCRBY", "n", 41),
        ("DECR", "n"),
        ("DECRBY", "n", 2),
        ("INCRBYFLOAT", "n", "0.5"),
        ("INCR", "n"),
        ("SET", "t", "text"),
        ("INCR", "t"),
    ],
    "expiry": [
        ("SET", "a", "1", "EX", 100),
        ("TTL", "a"),
        ("TTL", "none"),
        ("PTTL", "none"),
        ("PERSIST", "a"),
        ("TTL", "a"),
        ("PTTL", "a"),
        ("EXPIRE", "a", 50),
        ("EXPIRE", "a", 40, "GT"),
        ("EXPIRE", "a", 60, "NX"),
        ("PEXPIRE", "none", 5),
        ("PEXPIREAT", "a", 4_102_444_800_000),
        ("PEXPIRETIME", "a"),
        ("EXPIREAT", "a", 4_102_444_800),
        ("EXPIRETIME", "a"),
        ("SET", "b", "2", "PXAT", 4_102_444_800_000, "KEEPTTL"),
        ("SET", "b", "2", "PXAT", 4_102_444_800_000),
        ("SET", "b", "3", "KEEPTTL"),
        ("PEXPIRETIME", "b"),
        ("SET", "b", "2", "PXAT", 1),
        ("GET", "b"),
        ("SET", "b", "2", "PX", 0),
        ("SET", "b", "2", "EX", "x"),
        ("EXPIRE", "a", -1),
        ("EXISTS", "a"),
    ],
    "hashes": [
        ("HSET", "h", "f", "1", "g", "2"),
        ("HGET", "h", "f"),
        ("HGET", "h", "none"),
        ("HMGET", "h", "f", "none"),
        ("HGETALL", "h"),
        ("HGETALL", "none"),
        ("HINCRBY", "h", "f", 5),
        ("HLEN", "h"),
        ("HEXISTS", "h", "g"),
        ("HKEYS", "h"),
        ("HVALS", "h"),
        ("HDEL", "h", "f", "g"),
        ("EXISTS", "h"),
    ],
    "lists": [
        ("RPUSH", "l", "a", "b", "c"),
        ("LPUSH", "l", "z"),
        ("LRANGE", "l", 0, -1),
        ("LLEN", "l"),
        ("LPOP", "l"),
        ("RPOP", "l", 2),
        ("LPOP", "none"),
        ("LPOP", "none", 2),
        ("LINDEX", "l", 0),
        ("BLPOP", "l", "other", 1),
        ("LREM", "l", 0, "a"),
    ],
    "sets": [
        ("SADD", "s", "a"),
        ("SADD", "s", "a", "b"),
        ("SISMEMBER", "s", "a"),
        ("SMISMEMBER", "s", "a", "none"),
        ("SCARD", "s"),
        ("SREM", "s", "b"),
        ("SMEMBERS", "s"),
        ("SMEMBERS", "none"),
        ("SPOP", "s"),
        ("SPOP", "s"),
    ],
    "sorted sets": [
        ("ZADD", "z", 1, "a", "2.5", "b"),
        ("ZSCORE", "z", "b"),
        ("ZRANGE", "z", 0, -1),
        ("ZRANGE", "z", 0, -1, "WITHSCORES"),
        ("ZRANGEBYSCORE", "z", "-inf", 2),
        ("ZINCRBY", "z", 3, "a"),
        ("ZCARD", "z"),
        ("ZREM", "z", "a"),
        ("ZREMRANGEBYSCORE", "z", 0, 10),
    ],
    "transactions": [
        ("MULTI",),
        ("SET", "a", "1"),
        ("INCR", "a"),
        ("GET", "none"),
        ("EXEC",),
        ("MULTI",),
        ("INCR", "a"),
        ("HGET", "a", "f"),
        ("EXEC",),
        ("MULTI",),
        ("NONSENSE",),
        ("EXEC",),
        ("EXEC",),
        ("DISCARD",),
        ("MULTI",),
        ("SET", "a", "9"),
        ("DISCARD",),
        ("GET", "a"),
        ("WATCH", "a"),
        ("UNWATCH",),
        ("MULTI",),
        ("MULTI",),
        ("EXEC",),
    ],
    "errors": [
        ("SET", "a"),
        ("GET",),
        ("SET", "a", "1", "NONSENSE"),
        ("SET", "a", "1"),
        ("HGET", "a", "f"),
        ("LPUSH", "a", "x"),
        ("EVALSHA", "f" * 40, 0),
        ("EVAL", "return 1", 1),
        ("EVAL", "return 1", "x"),
        ("SELECT", 99),
        ("EXPIRE", "a", "x"),
        ("INCRBY", "a", "x"),
        ("NONSENSE", "a", "b"),
    ],
    "scripts": [
        ("EVAL", "return {1, 'two', {3, redis.status_reply('FOUR')}, false, 5.9}", 0),
        ("EVAL", "return redis.call('GET', KEYS[1])", 1, "none"),
        ("EVAL", "return redis.call('SET', KEYS[1], ARGV[1])", 1, "a", "x"),
        ("EVAL", "return redis.call('GET', KEYS[1])", 1, "a"),
        ("EVAL", "return redis.error_reply('MINE not yours')", 0),
        ("EVAL", "\n\nreturn redis.call('HGET', KEYS[1], 'f')", 1, "a"),
        ("EVAL", "return redis.call('NONSENSE')", 0),
        ("EVAL", "\nreturn nothing + 1", 0),
        ("EVAL", "mine = 1", 0),
        ("EVAL", "return {", 0),
        ("EVAL", "error('told')", 0),
        ("EVAL", "return #redis.call('MGET', KEYS[1], KEYS[2])", 2, "a", "none"),
        ("EVAL", "local got = redis.call('GET', KEYS[1]) if got == false then return 'nil' end return got", 1, "none"),
        ("EVAL", "return redis.pcall('HGET', KEYS[1], 'f')", 1, "a"),
        ("EVAL", "return {redis.call('HGETALL', KEYS[1])}", 1, "none"),
        ("EVAL", "return tostring(redis.call('PTTL', KEYS[1]))", 1, "a"),
        ("EVAL", "return cjson.encode({1, 2, 'x'})", 0),
        ("EVAL", "return cjson.decode(ARGV[1]).a", 0, '{"a": "b"}'),
        ("EVAL", "return redis.sha1hex('')", 0),
        ("EVAL", "return {KEYS[1], ARGV[1], ARGV[2]}", 1, "k", "v"),
        ("EVAL", "return string.format('%.0f', 1e15)", 0),
        ("EVAL", "return math.max(3, 7)", 0),
        ("EVAL", "return true", 0),
        ("EVAL", "return nil", 0),
        ("EVAL", "return ''", 0),
        ("SCRIPT", "LOAD", "return 7"),
        ("EVALSHA", sha1(b"return 7").hexdigest(), 0),
        ("EVALSHA", sha1(b"return 7").hexdigest().upper(), 0),
        ("SCRIPT", "EXISTS", sha1(b"return 7").hexdigest(), "f" * 40),
        ("SCRIPT", "FLUSH"),
        ("EVALSHA", sha1(b"return 7").hexdigest(), 0),
    ],
    "connections": [
        ("CLIENT", "SETNAME", "me"),
        ("CLIENT", "GETNAME"),
        ("CLIENT", "SETINFO", "LIB-NAME", "a-library"),
        ("CLIENT", "NO-EVICT", "on"),
        ("CLIENT", "NO-TOUCH", "off"),
        ("SELECT", 1),
        ("SET", "a", "1"),
        ("SELECT", 0),
        ("GET", "a"),
        ("FLUSHALL",),
        ("HELLO", 4),
        ("HELLO", "x"),
        ("AUTH", "secret"),
        ("CLIENT", "TRACKING", "OFF"),
        ("CLIENT", "TRACKING", "ON", "PREFIX", "a"),
        ("CLIENT", "TRACKING", "ON", "NONSENSE"),
        ("CLIENT", "TRACKING", "ON", "REDIRECT", 999_999_999, "BCAST"),
        ("UNSUBSCRIBE",),
        ("UNSUBSCRIBE", "a"),
        ("PUBSUB", "NUMSUB", "a"),
        ("PUBLISH", "a", "b"),
        ("CONFIG", "GET", "maxmemory-policy"),
        ("CONFIG", "GET", "appendonl?"),
        ("QUIT",),
    ],
}


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("about", COMMANDS)
def test_replies_are_the_same_byte_for_byte(redis_url: str, about: str, protocol: int) -> None:
    async def case(conversation: Conversation) -> list[tuple[Sequence[Word], bytes]]:
        replies = await conversation.tell(COMMANDS[about])
        return [*zip(COMMANDS[about], replies, strict=True)]

    same_in_both(case, redis_url, protocol)


async def _exchanges(conversation: Conversation) -> list[bytes]:
    """What two connections see of each other: messages, keys that change, values that come."""
    one, two = await conversation.talker(), await conversation.talker()
    heard = [await one.say("SUBSCRIBE", "a"), await one.say("PSUBSCRIBE", "b*")]
    heard.append(await two.say("PUBLISH", "a", b"\x00\xff"))
    heard.append(await one.hear())
    heard.append(await two.say("EVAL", "return redis.call('PUBLISH', KEYS[1], ARGV[1])", 1, "bee", "x"))
    heard.append(await one.hear())
    heard.append(await two.say("PUBSUB", "NUMSUB", "a", "b"))
    heard.append(await two.say("PUBSUB", "CHANNELS"))
    heard.append(await one.say("PING"))
    heard.append(await one.say("PING", "text"))
    heard.append(await one.say("GET", "a"))
    heard.append(await one.say("SUBSCRIBE", "c", "d"))
    heard += [await one.hear(), await one.say("UNSUBSCRIBE", "c"), await one.say("PUNSUBSCRIBE")]
    heard.append(await one.say("UNSUBSCRIBE"))
    heard.append(await one.hear())
    heard.append(await two.say("PUBLISH", "a", "gone"))
    assert await one.is_silent()
    heard.append(await one.say("GET", "a"))
    return heard


@pytest.mark.parametrize("protocol", [2, 3])
def test_messages_are_the_same_byte_for_byte(redis_url: str, protocol: int) -> None:
    same_in_both(_exchanges, redis_url, protocol)


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_command_that_blocks_gets_what_another_connection_brings(redis_url: str, protocol: int) -> None:
    async def case(conversation: Conversation) -> list[bytes]:
        one, two, three = [await conversation.talker() for _ in range(3)]
        for waits in (one, two):
            waits.send("BLPOP", "queue", 5)
            assert await waits.is_silent()
        one.send("PING")
        heard = [await three.say("RPUSH", "queue", "first", "second")]
        heard += [await one.hear(), await one.hear(), await two.hear()]
        heard.append(await two.say("BLPOP", "queue", "0.01"))
        heard.append(await two.say("BRPOPLPUSH", "queue", "other", "0.01"))
        return heard

    same_in_both(case, redis_url, protocol)


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_watched_key_that_changed_ends_the_transaction(redis_url: str, protocol: int) -> None:
    async def case(conversation: Conversation) -> list[bytes]:
        one, two = await conversation.talker(), await conversation.talker()
        heard = []
        for key in ("watched", "another"):
            heard += [await one.say("WATCH", "watched"), await two.say("SET", key, "x")]
            heard += [await one.say("MULTI"), await one.say("GET", "watched"), await one.say("EXEC")]
        return heard

    same_in_both(case, redis_url, protocol)


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("is_redirected", [False, True])
def test_tracked_keys_that_change_are_told_alike(redis_url: str, protocol: int, is_redirected: bool) -> None:
    async def case(conversation: Conversation) -> list[bytes]:
        tracks, hears, writes = [await conversation.talker() for _ in range(3)]
        number = int((await hears.say("CLIENT", "ID")).strip(b":\r\n"))
        redirect = ("REDIRECT", number) if is_redirected else ()
        heard = [await tracks.say("CLIENT", "TRACKING", "ON", *redirect, "BCAST", "PREFIX", "lab:", "PREFIX", "x:")]
        if protocol == 2:
            heard.append(await hears.say("SUBSCRIBE", "__redis__:invalidate"))
        listener = hears if is_redirected else tracks
        for words in (
            ("SET", "lab:1", "x"),
            ("SET", "other", "x"),
            ("DEL", "x:none"),
            ("EXPIRE", "lab:1", 100),
            ("EVAL", "redis.call('SET', 'lab:2', '') redis.call('DEL', 'lab:1') return 1", 0),
            ("FLUSHALL",),
        ):
            heard.append(await writes.say(*words))
            while not await listener.is_silent():
                heard.append(await listener.hear())
        heard.append(await tracks.say("CLIENT", "TRACKING", "OFF"))
        heard.append(await writes.say("SET", "lab:1", "x"))
        assert await listener.is_silent()
        return heard

    same_in_both(case, redis_url, protocol)


TOKEN, OTHER, ENTRY = "token", "another token", b"entry \x00\xff"
BOTH = ("key:lock", "key")
LATER_MS = 4_102_444_800_000
SCRIPTS: dict[str, Sequence[tuple[Script, Sequence[str], Sequence[Word]]]] = {
    "locks": [
        (scripts.LOCK, BOTH[:1], (TOKEN, 1_000, 100)),
        (scripts.LOCK, BOTH[:1], (TOKEN, 1_000, 100)),
        (scripts.LOCK, BOTH[:1], (OTHER, 1_000, 100)),
        (scripts.RENEW, BOTH[:1], (OTHER, 1_000)),
        (scripts.RENEW, BOTH[:1], (TOKEN, 60_000)),
        (scripts.LOCK, BOTH[:1], (OTHER, 1_000, 100)),
        (scripts.UNLOCK, BOTH, (OTHER, "channel")),
        (scripts.UNLOCK, BOTH, (TOKEN, "channel")),
        (scripts.LOCK, BOTH[:1], (OTHER, 1_000, 100)),
    ],
    "entries": [
        (scripts.PUT, BOTH, (TOKEN, "channel", ENTRY, LATER_MS)),
        (scripts.LOCK, BOTH[:1], (TOKEN, 1_000, 100)),
        (scripts.PUT, BOTH, (OTHER, "channel", ENTRY, LATER_MS)),
        (scripts.PUT, BOTH, (TOKEN, "channel", ENTRY, LATER_MS, "stored", "told")),
        (scripts.PUT, BOTH, (TOKEN, "channel", ENTRY, LATER_MS)),
        (scripts.SET, BOTH[1:], (ENTRY * 1_000, LATER_MS, "stored", "told")),
        (scripts.LOCK, BOTH[:1], (TOKEN, 1_000, 100)),
        (scripts.DELETE, BOTH, ("channel",)),
        (scripts.DELETE, BOTH, ("channel",)),
        (scripts.PUT, BOTH, (TOKEN, "channel", ENTRY, LATER_MS)),
    ],
    "marks": [
        (scripts.MARK, BOTH, (TOKEN, "channel", 60_000)),
        (scripts.LOCK, BOTH[:1], (TOKEN, 1_000, 100)),
        (scripts.MARK, BOTH, (TOKEN, "channel", 60_000)),
        (scripts.DELETE, BOTH, ("channel",)),
        (scripts.RENEW, BOTH[:1], ("!", 60_000)),
        (scripts.LOCK, BOTH[:1], (OTHER, 1_000, 100)),  # the mark is longer than any may be
        (scripts.UNLOCK, BOTH, (OTHER, "channel")),
    ],
    "counts": [
        (scripts.COUNT, ("one", "two"), (2, 60_000, 3, 60_000)),
        (scripts.COUNT, ("two", "one"), (1, 60_000, 1, 60_000)),
    ],
    "settings": [
        (scripts.SET_SETTING, ("settings",), ("lab:a: ttl_s", "7.0", 60_000, 2, "told")),
        (scripts.SET_SETTING, ("settings",), ("lab:b: ttl_s", "8.0", 60_000, 2, "told")),
        (scripts.SET_SETTING, ("settings",), ("lab:c: ttl_s", "9.0", 60_000, 2, "told")),
        (scripts.SET_SETTING, ("settings",), ("lab:b: ttl_s", "8.5", 60_000, 2, "told")),
    ],
}
"""Calls of the service's scripts, each of which is sent by its digest first, as the service does."""
LOOKS: Commands = [("GET", "key"), ("GET", "key:lock"), ("MGET", "one", "two"), ("HLEN", "settings"), ("DBSIZE",)]


@pytest.mark.parametrize("about", SCRIPTS)
def test_the_services_scripts_do_the_same(redis_url: str, about: str) -> None:
    async def case(conversation: Conversation) -> list[tuple[str, bytes]]:
        talker, listener = await conversation.talker(), await conversation.talker()
        await listener.say("SUBSCRIBE", "channel")
        seen = []
        for script, keys, values in SCRIPTS[about]:
            reply = await talker.say_packed(script.named(keys, values))
            if reply.startswith(b"-NOSCRIPT"):
                seen.append((script.named(keys, values)().decode(errors="replace"), reply))
                reply = await talker.say_packed(script.in_full(keys, values))
            seen.append((str(values), reply))
            seen += [(str(look), await talker.say(*look)) for look in LOOKS]
            while not await listener.is_silent(0.005):
                seen.append(("heard", await listener.hear()))
        return seen

    assert len({script for calls in SCRIPTS.values() for script, _, _ in calls}) == sum(
        isinstance(one, Script) for one in vars(scripts).values()
    )
    same_in_both(case, redis_url, 2)


def test_a_lock_tells_how_long_a_mark_has_to_go(redis_url: str) -> None:
    async def case(conversation: Conversation) -> list[int]:
        talker = await conversation.talker()
        for script, values in ((scripts.LOCK, (TOKEN, 1_000, 100)), (scripts.MARK, (TOKEN, "channel", 60_000))):
            await talker.say_packed(script.in_full(BOTH, values))
        reply = await talker.say_packed(scripts.LOCK.in_full(BOTH[:1], (OTHER, 1_000, 60_000)))
        return [round(int(reply.strip(b":\r\n")), -4)]

    assert same_in_both(case, redis_url, 2) == [-60_000]
