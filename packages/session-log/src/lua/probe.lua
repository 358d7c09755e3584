-- Writes as the log's scripts do, to keys of nobody, and leaves nothing behind. A server that only reads refuses it, whatever its
-- reason: a replica, memory, a disk, missing replicas, what a user may do.
-- KEYS: as in head.lua.
-- Returns: the replication id.
redis.call('TIME')
redis.call('XADD', LOG, 'MAXLEN', '=', 1, '*', 'probe', '')
redis.call('XTRIM', LOG, 'MAXLEN', '=', 1)
redis.call('HSET', HEAD, 'probe', '')
redis.call('SET', TEXT, '')
redis.call('APPEND', TEXT, '')
redis.call('RPUSH', PARTS, '')
redis.call('LSET', PARTS, 0, '')
redis.call('RPOP', PARTS)
redis.call('RPUSH', TURNS, '')
redis.call('LTRIM', TURNS, -1, -1)
for i = 1, #KEYS - 1 do redis.call('EXPIREAT', KEYS[i], redis.call('TIME')[1] + 60) end
redis.call('EXPIRE', LOG, 60)
redis.call('SPUBLISH', FEED, '')
redis.call('DEL', LOG, HEAD, PARTS, TEXT, STEPS, TURNS, STATE, APPLIED)
return replication_id()
