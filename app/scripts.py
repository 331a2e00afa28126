"""Lua scripts that Redis runs in one step: lock, put, unlock and renew.

All but `LOCK` compare the fencing token first, so that only its holder can store, renew or release.
KEYS: lock, entry. ARGV: token, then what the comment says.
"""

LOCK = """
-- ARGV[2]: lease, ms. A command that was sent twice finds its own token.
local holder = redis.call('GET', KEYS[1])
if not holder then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1
end
if holder == ARGV[1] then return 1 end
-- A lock that never ends is not the lab's or was made to stay; one that has far more to go than a lease is had its
-- clock set back since. Nobody shall wait for either: it gets one lease, which a living holder renews.
local left = redis.call('PTTL', KEYS[1])
if left < 0 or left > 2 * tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0
"""
PUT = """
-- ARGV[2]: channel, [3]: entry, [4]: until when, ms since the epoch
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[3], 'PXAT', ARGV[4])
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], KEYS[2])
return 1
"""
UNLOCK = """
-- ARGV[2]: channel
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], KEYS[2])
return 1
"""
RENEW = """
-- ARGV[2]: lease, ms
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
