-- The cache at one cursor. Reads only.
-- KEYS: as in log.lua.
return {
  redis.call('HGETALL', KEYS[2]),
  redis.call('GET', KEYS[3]) or '',
  redis.call('LRANGE', KEYS[4], 0, -1),
  redis.call('GET', KEYS[5]) or '',
  redis.call('HGETALL', KEYS[6]),
}
