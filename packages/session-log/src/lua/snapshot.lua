-- The cache at one cursor, whether it is whole, and whether it is verified.
local function is_whole()
  if head.lost or not (is_cache_whole() and is_text_whole()) then return false end
  if head.stateBytes > 0 and redis.sha1hex(redis.call('GET', STATE)) ~= head.stateSum then return false end
  local bytes = 0
  for _, turn in ipairs(redis.call('LRANGE', TURNS, 0, -1)) do bytes = bytes + #turn end
  return bytes == head.turnBytes
end

local current = replication_id()
local verification = {current, is_verified(current) and 1 or 0}
-- A server that answers reads and refuses writes may be told nothing of what the workflow has committed since: what it holds
-- is old. Whoever is about to show it finds out by writing, and is refused as well.
if (ask('HLEN', HEAD) or 0) > 0 then redis.call('HSET', HEAD, 'read', '1') end
if not is_whole() then return {head.id, 0, verification} end
return {
  head.id,
  1,
  verification,
  redis.call('HGETALL', HEAD),
  redis.call('GET', TEXT) or '',
  redis.call('LRANGE', TURNS, 0, -1),
  redis.call('GET', STATE) or '',
  redis.call('HGETALL', APPLIED),
}
