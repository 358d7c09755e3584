-- Reads only. Returns: the epoch, 1 if the log was proven in it.
local current = epoch()
return {current, is_proven(current) and 1 or 0}
