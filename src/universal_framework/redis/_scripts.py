"""The Lua scripts of the session storage: each one operation, all of it or nothing.

A session is a hash: `v` its version, `body` the state, `born`, `used` and `ends` in milliseconds since 1970, `ops` the
last writes that were applied. An owner's index is a sorted set of session ids by last use. All keys of a call share the
owner's hash tag. Times come from the caller, lives are kept by Redis too (PEXPIRE).

A write carries a name of its own (`op`). redis-py sends a command again when the connection breaks before the answer;
a write whose name is among `ops` has been applied and is not applied again.

Order matters where memory is full: a script whose first write may be refused (HSET) has changed nothing then; one
whose first write is always allowed (PEXPIRE, DEL) goes through, so sessions can be read and forgotten.
https://redis.io/docs/latest/develop/programmability/eval-intro/
"""

from __future__ import annotations

from typing import Final

from universal_framework.redis.connection import Script

#: ARGV of every script begins: now, idle, age (milliseconds), ids that are listed per owner, the session's id.
_PRELUDE: Final = """
local now, idle, age = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local function left(born, used, ends)
  local most = math.min(idle, used + idle - now, born + age - now, age)
  if ends then most = math.min(most, tonumber(ends) - now) end
  return most
end
local function found(key)
  local got = redis.call('HMGET', key, 'v', 'born', 'used', 'ends', 'ops')
  if not got[1] then return nil end
  if left(tonumber(got[2]), tonumber(got[3]), got[4]) <= 0 then return nil end
  return {v = got[1], born = tonumber(got[2]), used = tonumber(got[3]), ends = got[4], ops = got[5] or ''}
end
local function text(number) return string.format('%.0f', number) end
local function touch(one)
  local used = math.max(one.used, now)
  local life = math.max(1, left(one.born, math.min(used, now), one.ends))
  redis.call('PEXPIRE', KEYS[1], text(life))
  redis.call('HSET', KEYS[1], 'used', text(used))
  redis.call('ZADD', KEYS[2], text(used), ARGV[5])
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', text(now - idle))
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -(tonumber(ARGV[4]) + 1))
  redis.call('PEXPIRE', KEYS[2], text(idle))
end
"""

#: … op, body. Answers 1; 0 where the owner has a session of this id.
CREATE: Final = Script(
    _PRELUDE
    + """
local one = found(KEYS[1])
if one then
  if string.find(one.ops, ARGV[6], 1, true) then return 1 end
  return 0
end
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'v', '1', 'born', ARGV[1], 'used', ARGV[1], 'ops', ARGV[6], 'body', ARGV[7])
touch({born = now, used = now})
return 1
"""
)

#: … most bytes that are read. Answers the version and the body; nothing where there is none; its size where too large.
LOAD: Final = Script(
    _PRELUDE
    + """
local one = found(KEYS[1])
if not one then return {} end
local size = redis.call('HSTRLEN', KEYS[1], 'body')
if size > tonumber(ARGV[6]) then return {size} end
touch(one)
return {one.v, redis.call('HGET', KEYS[1], 'body')}
"""
)

#: … op, body, version it was made from, version it becomes. Answers 1; 0 where the version is another; -1 for none.
SAVE: Final = Script(
    _PRELUDE
    + """
local one = found(KEYS[1])
if not one then return -1 end
if string.find(one.ops, ARGV[6], 1, true) then return 1 end
if one.v ~= ARGV[8] then return 0 end
local ops = string.sub(ARGV[6] .. ',' .. one.ops, 1, 1088)
redis.call('HSET', KEYS[1], 'v', ARGV[9], 'ops', ops, 'body', ARGV[7])
touch(one)
return 1
"""
)

#: KEYS[3] remembers for a minute that this delete was applied. Answers whether the owner had the session.
DELETE: Final = Script(
    _PRELUDE
    + """
local one = found(KEYS[1])
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[5])
if not one then return redis.call('EXISTS', KEYS[3]) end
redis.call('SET', KEYS[3], '1', 'PX', '60000')
return 1
"""
)

#: … moment it ends. Answers whether the owner has the session.
EXPIRE: Final = Script(
    _PRELUDE
    + """
local one = found(KEYS[1])
if not one then return 0 end
local ends = tonumber(ARGV[6])
if one.ends then ends = math.min(ends, tonumber(one.ends)) end
redis.call('PEXPIRE', KEYS[1], text(math.max(1, left(one.born, one.used, ends))))
redis.call('HSET', KEYS[1], 'ends', text(ends))
return 1
"""
)

#: KEYS[1] is the index; … first rank, how many. Answers ids, the latest used first.
RANGE: Final = Script(
    """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', tonumber(ARGV[1]) - tonumber(ARGV[2])))
return redis.call('ZREVRANGE', KEYS[1], ARGV[6], ARGV[6] + ARGV[7] - 1)
"""
)

#: KEYS[1] is the index, the others are sessions, … their ids. Answers the ids that live; forgets the others.
ALIVE: Final = Script(
    _PRELUDE
    + """
local alive = {}
for number = 2, #KEYS do
  local id = ARGV[number + 4]
  if found(KEYS[number]) then alive[#alive + 1] = id else redis.call('ZREM', KEYS[1], id) end
end
return alive
"""
)
