"""The writes of the Redis layout: Lua scripts that set what is newer and refuse what is older, in one step each."""

from typing import Final

from schemas.keys import VERSION_BYTES

_IS_OLDER: Final = """
local layout = '>I4I4I4I4I4'
local function is_older(value, held)
  local v1, v2, v3, v4, v5 = struct.unpack(layout, value)
  local h1, h2, h3, h4, h5 = struct.unpack(layout, held)
  if v1 ~= h1 then return v1 < h1 end
  if v2 ~= h2 then return v2 < h2 end
  if v3 ~= h3 then return v3 < h3 end
  if v4 ~= h4 then return v4 < h4 end
  return v5 < h5
end
"""

SET_NEWER: Final = (
    _IS_OLDER
    + """
local key, mark, oldest, newest = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local reached = redis.call('GET', mark)
local none_is_older
if reached then
  none_is_older = not is_older(oldest, reached)
else
  none_is_older = redis.call('EXISTS', key) == 0
end
if none_is_older then
  redis.call('HSET', key, unpack(ARGV, 3))
  redis.call('SET', mark, newest)
  return 0
end
local n = #ARGV / 2 - 1
local fields = {}
for i = 1, n do fields[i] = ARGV[2 * i + 1] end
local held = redis.call('HMGET', key, unpack(fields))
local fresh, refused = {}, 0
for i = 1, n do
  local value = ARGV[2 * i + 2]
  if held[i] and is_older(value, held[i]) then
    if string.sub(held[i], 1, 4) ~= '\\255\\255\\255\\255' then refused = refused + 1 end
  else
    fresh[#fresh + 1] = fields[i]
    fresh[#fresh + 1] = value
  end
end
if #fresh > 0 then redis.call('HSET', key, unpack(fresh)) end
if reached and is_older(reached, newest) then redis.call('SET', mark, newest) end
return refused
"""
)
"""Compare-and-set of up to 1,000 fields of one hash; returns how many were refused as older.

Keys: the hash and its mark (`mark_key`). Arguments: the oldest and the newest version written, then fields and
values. The mark is at least the version of every field, so a write no older than it need not look at the fields,
which takes a third of the server's time; without a mark beside a hash, all are looked at. What a tombstone keeps out
is not counted. Versions are compared as numbers: Lua compares strings by the server's locale, not by their bytes.
"""

TOMBSTONE: Final = b"\xff" * VERSION_BYTES
"""A value that says that something was forgotten for good: newer than any, with nothing behind its version."""

BURY: Final = """
local held = redis.call('HGET', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('SET', KEYS[2], ARGV[2])
if held and #held > #ARGV[2] then return 1 end
return 0
"""
"""Put a tombstone in the place of a field's value; returns whether there was more than a version.

Keys: the hash and its mark, which from then on has every write look at the fields. Arguments: the field, the tombstone.
"""

SET_BOARDS: Final = (
    _IS_OLDER
    + """
local mark, version = KEYS[1], ARGV[1]
local reached = redis.call('GET', mark)
if reached and is_older(version, reached) then return #KEYS - 1 end
local at = 2
for board = 2, #KEYS do
  local places = tonumber(ARGV[at])
  redis.call('DEL', KEYS[board])
  if places > 0 then redis.call('ZADD', KEYS[board], unpack(ARGV, at + 1, at + 2 * places)) end
  at = at + 2 * places + 1
end
redis.call('SET', mark, version)
return 0
"""
)
"""Replace whole leaderboards of one scope and window, all of them or none; returns how many were refused as older.

Keys: the mark that they share (`mark_key` of `board_key`), then sorted sets. Arguments: their version; then of each
set how many places it has, and score and id of each. A server that sees an id without a place deletes it so.
"""

SCRIPTS: Final = (SET_NEWER, SET_BOARDS)
"""What a server must be given before anything is written to it."""
