-- The cache at one cursor, and whether it is proven. Reads only.
-- KEYS: as in log.lua.
local current = epoch()
return {
  redis.call('HGETALL', KEYS[2]),
  redis.call('GET', KEYS[3]) or '',
  redis.call('LRANGE', KEYS[4], 0, -1),
  redis.call('GET', KEYS[5]) or '',
  redis.call('HGETALL', KEYS[6]),
  current,
  is_proven(current) and 1 or 0,
}
