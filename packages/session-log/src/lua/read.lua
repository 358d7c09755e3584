-- A page of the log. Reads only.
-- KEYS: as in log.lua. ARGV: where to begin ('-', or a cursor, whose own entry then comes first), most entries, bytes after
-- which no entry is added.
-- Returns: 1 if there may be more, then the entries as XRANGE gives them.
local CHUNK = 8
local start, most, budget = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local reply, bytes = {0}, 0
while true do
  local chunk = redis.call('XRANGE', KEYS[1], start, '+', 'COUNT', CHUNK)
  for _, entry in ipairs(chunk) do
    reply[#reply + 1] = entry
    -- The cursor's own entry only proves that the cursor is known.
    if entry[1] ~= ARGV[1] then bytes = bytes + #(entry[2][4] or '') end
    if #reply > most or bytes >= budget then
      reply[1] = 1
      return reply
    end
  end
  if #chunk < CHUNK then return reply end
  start = '(' .. chunk[#chunk][1]
end
