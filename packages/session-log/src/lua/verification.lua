-- Reads only. Returns: the replication id, 1 if the log was verified in it.
local current = replication_id()
return {current, is_verified(current) and 1 or 0}
