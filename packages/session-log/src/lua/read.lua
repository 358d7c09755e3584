-- A page of the log. Reads only.
-- Arguments: cursor ('0': before the first frame), limit (of entries), bytes after which no entry is added.
-- Returns: 1 if what follows the cursor is known, 1 if there may be more, then the entries as XRANGE gives them.
local CHUNK = 8
local cursor, most, budget = args.cursor, args.limit, args.bytes
local reply, bytes, start = {1, 0}, 0, cursor == '0' and '-' or '(' .. cursor
-- A reader that has the last frame needs no other. Entries behind it, if any, are foreign.
if cursor == head.id then return reply end
while true do
  local chunk = ask('XRANGE', LOG, start, '+', 'COUNT', CHUNK) or {}
  if #reply == 2 then
    -- A reader misses none if the first entry follows its cursor.
    if not chunk[1] or chunk[1][2][2] ~= cursor then return {0, 0} end
  end
  for _, entry in ipairs(chunk) do
    reply[#reply + 1] = entry
    if entry[1] == head.id then return reply end
    bytes = bytes + #(entry[2][4] or '')
    if #reply - 2 >= most or bytes >= budget then
      reply[2] = 1
      return reply
    end
  end
  if #chunk < CHUNK then return reply end
  start = '(' .. chunk[#chunk][1]
end
