-- Runs the commands of the log's scripts on keys of no session, and leaves nothing behind. A server that takes no writes refuses it,
-- whatever the reason: it is a replica, its memory or disk is full, its replicas are missing, or its user lacks a right.
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
