-- Notes that the workflow was asked in this epoch, and that the log has all it said.
-- KEYS: as in log.lua. ARGV: the epoch in which it was asked, seconds to keep a session's log, and a session without one.
-- Returns: 1, or 0 if the epoch is over.
if ARGV[1] ~= epoch() or ARGV[1] == '' then return 0 end
redis.call('HSET', KEYS[2], 'epoch', ARGV[1])
-- All keys alike, so that none outlives another.
local ttl = redis.call('HEXISTS', KEYS[2], 'id') == 1 and ARGV[2] or ARGV[3]
for i = 1, 6 do redis.call('EXPIRE', KEYS[i], ttl) end
return 1
