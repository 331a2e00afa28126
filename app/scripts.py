"""Lua scripts that Redis runs in one step.

Those of locks, but for `LOCK` and `DELETE`, compare the fencing token first, so that only its holder can store, renew
or release.
KEYS: lock, entry. ARGV: token, but for `DELETE`, then what the comment says. `SET`, `COUNT` and `SET_SETTING` are no
part of locks, and say what theirs are.
"""

from collections.abc import Sequence
from hashlib import sha1

from app.commands import Pack, Word, packed


class Script:
    """A script that Redis runs, named by its digest, so that its text is sent to each Redis but once."""

    def __init__(self, text: str) -> None:
        self.text = text
        """The text in Lua."""
        self.digest = sha1(text.encode(), usedforsecurity=False).hexdigest()
        """The name by which a Redis that has it knows it."""

    def named(self, keys: Sequence[str], values: Sequence[Word]) -> Pack:
        """The command that runs the script; Redis answers NOSCRIPT where it does not have it."""
        return packed("EVALSHA", self.digest, len(keys), *keys, *values)

    def in_full(self, keys: Sequence[str], values: Sequence[Word]) -> Pack:
        """The command that runs the script, with its text; from then on Redis has it."""
        return packed("EVAL", self.text, len(keys), *keys, *values)


LOCK = Script("""
-- ARGV[2]: lease, ms; [3]: the longest mark, ms. A command that was sent twice finds its own token.
local holder = redis.call('GET', KEYS[1])
if not holder then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1
end
if holder == ARGV[1] then return 1 end
-- A lock that never ends is not the lab's or was made to stay; one that has far more to go than a lease is had its
-- clock set back since. Nobody shall wait for either: it gets one lease, which a living holder renews.
local left = redis.call('PTTL', KEYS[1])
-- A mark in the lock's place: a load has just failed. It is told by how long it has to go, as a number below 0.
if holder == '!' then
  if left >= 0 and left <= tonumber(ARGV[3]) then return -math.max(left, 1) end
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1
end
if left < 0 or left > 2 * tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0
""")
PUT = Script("""
-- ARGV[2]: channel, [3]: entry, [4]: until when, ms since the epoch, [5], [6]: channel and text for local tiers
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[3], 'PXAT', ARGV[4])
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], KEYS[2])
if ARGV[5] then redis.call('PUBLISH', ARGV[5], ARGV[6]) end
return 1
""")
SET = Script("""
-- KEYS: entry. ARGV[1]: entry, [2]: until when, ms since the epoch, [3], [4]: channel and text for local tiers
redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2])
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1
""")
UNLOCK = Script("""
-- ARGV[2]: channel
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], KEYS[2])
return 1
""")
RENEW = Script("""
-- ARGV[2]: lease, ms
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
""")
MARK = Script("""
-- ARGV[2]: channel, [3]: how long, ms. The lock of a load that has failed becomes the mark of that.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], '!', 'PX', ARGV[3])
redis.call('PUBLISH', ARGV[2], KEYS[2])
return 1
""")
DELETE = Script("""
-- ARGV[1]: channel. The lock goes too, so that a load which began before cannot store what it read. A mark stays: it
-- says that loads fail, and holds no value that could be an old one.
if redis.call('GET', KEYS[1]) ~= '!' then redis.call('DEL', KEYS[1]) end
redis.call('PUBLISH', ARGV[1], KEYS[2])
return redis.call('DEL', KEYS[2])
""")
COUNT = Script("""
-- KEYS: counters. ARGV: for each of them how many, and for how long it is kept, ms.
for place, counter in ipairs(KEYS) do
  local by = ARGV[2 * place - 1]
  if redis.call('INCRBY', counter, by) == tonumber(by) then redis.call('PEXPIRE', counter, ARGV[2 * place]) end
end
return 1
""")
SET_SETTING = Script("""
-- KEYS: settings. ARGV: field, [2]: value, [3]: how long, ms, [4]: how many may stand, [5]: channel
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local most = tonumber(ARGV[4])
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and redis.call('HLEN', KEYS[1]) >= most then
  local all = redis.call('HGETALL', KEYS[1])
  for place = 1, #all, 2 do
    local ends = tonumber(string.match(all[place + 1], '%S+$'))
    if not ends or ends <= now then redis.call('HDEL', KEYS[1], all[place]) end
  end
  if redis.call('HLEN', KEYS[1]) >= most then return 0 end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. string.format('%.0f', now + ARGV[3]))
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
redis.call('PUBLISH', ARGV[5], ARGV[1])
return 1
""")
