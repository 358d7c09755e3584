-- Notes the replication id in which the workflow was asked and the log had all it said.
-- Arguments: replicationId (in which it was asked), ttl (seconds to keep a session's log), emptyTtl (and a session without one).
-- Returns: 1, or 0 if the replication id is over.
if args.replicationId ~= replication_id() or args.replicationId == '' then return 0 end
if head.damaged then redis.call('DEL', HEAD) end
redis.call('HSET', HEAD, 'replicationId', args.replicationId)
-- All keys expire together: a key that outlived another would look like damage.
local seconds = head.lost and args.emptyTtl or args.ttl
local expires = tonumber(redis.call('TIME')[1]) + seconds
if not head.lost then redis.call('HSET', HEAD, 'expires', string.format('%.0f', expires)) end
for i = 2, #KEYS - 1 do redis.call('EXPIREAT', KEYS[i], string.format('%.0f', expires)) end
return 1
