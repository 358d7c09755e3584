-- Scripts that tell whether a log is verified have this file after `head.lua`.
-- A replication id stands for one history of writes. A server draws a new one whenever a primary starts and whenever a replica is
-- promoted. Only then may writes be lost that were acknowledged. Asked within the script, it is the id of the node that holds
-- the keys. '' if the server does not tell: then no log is ever verified.
local function replication_id()
  local info = redis.pcall('INFO', 'replication')
  return type(info) == 'string' and string.match(info, 'master_replid:(%x+)') or ''
end

-- A log can be verified, and so can its absence. A damaged head is neither.
local function is_verified(current)
  if current == '' or ask('HGET', HEAD, 'replicationId') ~= current then return false end
  return not head.damaged
end
