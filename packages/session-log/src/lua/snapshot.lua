-- The cache at one cursor, whether it is whole, and whether it is verified.
local function is_whole(turns, steps)
  if bytes_of(turns) ~= head.turnBytes or bytes_of(steps) ~= head.stepBytes then return false end
  return head.stateBytes == 0 or redis.sha1hex(redis.call('GET', STATE)) == head.stateSum
end

local current = replication_id()
local verification = {current, is_verified(current) and 1 or 0}
-- A server that answers reads and refuses writes does not have what the workflow has committed since, so its cache is old. This write
-- is refused then, too, and nobody is shown the old cache.
if (ask('HLEN', HEAD) or 0) > 0 then redis.call('HSET', HEAD, 'read', '1') end
local cold = {head.id, 0, verification}
if head.lost or not (is_cache_whole() and are_parts_exact()) then return cold end
local turns, steps = redis.call('LRANGE', TURNS, 0, -1), redis.call('LRANGE', STEPS, 0, -1)
if not is_whole(turns, steps) then return cold end
return {
  head.id,
  1,
  verification,
  redis.call('HGETALL', HEAD),
  parts_json(),
  steps,
  turns,
  redis.call('GET', STATE) or '',
  redis.call('HGETALL', APPLIED),
}
