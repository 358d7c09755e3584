-- Notes that the workflow was asked in this replication id, and that the log has all it said.
-- ARGV: the replication id in which it was asked, seconds to keep a session's log, and a session without one.
-- Returns: 1, or 0 if the replication id is over.
if ARGV[1] ~= replication_id() or ARGV[1] == '' then return 0 end
if head.damaged then redis.call('DEL', HEAD) end
redis.call('HSET', HEAD, 'replicationId', ARGV[1])
-- All keys alike, so that none outlives another.
local ttl = head.lost and ARGV[3] or ARGV[2]
for i = 2, 6 do redis.call('EXPIRE', KEYS[i], ttl) end
return 1
