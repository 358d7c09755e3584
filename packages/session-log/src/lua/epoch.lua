-- What the scripts about proofs go on with.
-- An epoch is one history of writes: the server draws a new replication id whenever a primary starts and whenever a replica
-- is promoted, which is when writes it had acknowledged may be lost, and at no other time. Asked within the script, it is
-- the epoch of the node that holds the keys. '' where a server does not tell: then nothing is ever proven.
local function epoch()
  local info = redis.pcall('INFO', 'replication')
  return type(info) == 'string' and string.match(info, 'master_replid:(%x+)') or ''
end

-- What is proven is a log, or that there is none; a head of which a part is missing is neither.
local function is_proven(current)
  if current == '' or ask('HGET', HEAD, 'epoch') ~= current then return false end
  return not head.damaged
end
