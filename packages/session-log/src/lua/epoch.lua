-- What the scripts about proofs begin with.
-- An epoch is one history of writes: the server draws a new replication id whenever a primary starts and whenever a replica
-- is promoted, which is when writes it had acknowledged may be lost, and at no other time. Asked within the script, it is
-- the epoch of the node that holds the keys. '' where a server does not tell: then nothing is ever proven.
local function epoch()
  local info = redis.pcall('INFO', 'replication')
  return type(info) == 'string' and string.match(info, 'master_replid:(%x+)') or ''
end

local function is_proven(current)
  return current ~= '' and redis.call('HGET', KEYS[2], 'epoch') == current
end
