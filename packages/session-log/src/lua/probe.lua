-- Writes as the log's scripts do, to keys of nobody, and leaves nothing behind. A server that only reads refuses it, whatever its
-- reason: a replica, memory, a disk, missing replicas, what a user may do.
-- KEYS: as in head.lua. ARGV: what to send to who follows.
-- Returns: the replication id.
redis.call('XADD', LOG, 'MAXLEN', '=', 1, '*', 'probe', '')
redis.call('XTRIM', LOG, 'MAXLEN', '=', 1)
redis.call('HSET', HEAD, 'probe', '')
redis.call('SET', TEXT, '')
redis.call('APPEND', TEXT, '')
redis.call('RPUSH', TURNS, '')
redis.call('LTRIM', TURNS, -1, -1)
for i = 1, 6 do redis.call('EXPIRE', KEYS[i], 60) end
redis.call('SPUBLISH', FEED, ARGV[1])
redis.call('DEL', LOG, HEAD, TEXT, TURNS, STATE, APPLIED)
return replication_id()
