-- What the scripts that tell whether a log is verified go on with.
-- A replication id stands for one history of writes: the server draws a new replication id whenever a primary starts and whenever a replica
-- is promoted, which is when writes it had acknowledged may be lost, and at no other time. Asked within the script, it is
-- the replication id of the node that holds the keys. '' where a server does not tell: then nothing is ever verified.
local function replication_id()
  local info = redis.pcall('INFO', 'replication')
  return type(info) == 'string' and string.match(info, 'master_replid:(%x+)') or ''
end

-- What is verified is a log, or that there is none; a head of which a part is missing is neither.
local function is_verified(current)
  if current == '' or ask('HGET', HEAD, 'replicationId') ~= current then return false end
  return not head.damaged
end
