-- Every script of the session log begins with this file: a session's keys, its arguments, its head, and whether the other keys hold
-- as much as the head says. Reads only.
-- KEYS: the session's log (stream), head (hash), parts (list), text, steps (list), turns (list), state, applied (hash), feed (channel).
-- ARGV 1: JSON of the named scalars a script takes. JSON of the session itself follows it as text.
--
-- A server may lose a single key (an eviction, an operator), or hold foreign data under its name. So the head counts what the other
-- keys hold, and every script compares: a list that was lost must not look like a list that was always empty.
local LOG, HEAD, PARTS, TEXT, STEPS, TURNS, STATE, APPLIED, FEED = unpack(KEYS)
local args = cjson.decode(ARGV[1])

-- The head's numbers:
--   version; cold (1: the cache does not tell the session's state); epoch (the highest that wrote); ended (the last turn known to
--   have ended); stop (the turn to interrupt); expires (Unix seconds at which the keys expire).
--   Of the running turn: turn (0 for none), index (of its last growing frame), and its running step: the fence (step, attempt), held
--   (the attempt that wrote the parts readers hold), seq (the writer's last number), torn (1: the parts were lost, and their writer
--   does not know it).
--   total: bytes ever appended to the log; floor: at least so many of them are gone.
local NUMBERS = {
  'version', 'cold', 'epoch', 'ended', 'stop', 'expires', 'turn', 'index', 'step', 'attempt', 'held', 'seq', 'torn', 'total',
  'floor',
  -- What the other keys hold: elements of the lists and of the hash, bytes of the lists and of the strings.
  'parts', 'partBytes', 'textBytes', 'steps', 'stepBytes', 'turns', 'turnBytes', 'stateBytes', 'producers',
}
-- The head's texts: id (of the last frame); sum (digest of the last commit, '' if unknown), kind (its frame's type) and run (the
-- workflow's that made it); fin (id of the frame that ended the last turn); stateSum (digest of the state); opening (JSON of the
-- last part up to its text, where that grows, else '').
-- More fields, as JSON, are read and written where they are needed: agent, and of the running turn origin, inputs, replaces, questions.
local TEXTS = {'id', 'sum', 'kind', 'run', 'fin', 'stateSum', 'opening'}
local ID = '^%d+%-%d+$'

-- The answer of a command that reads `key`, or nil where the key is of another type than ours.
local function ask(command, key, ...)
  local answer = redis.pcall(command, key, ...)
  if type(answer) ~= 'table' or not answer.err then return answer end
  if string.find(answer.err, 'WRONGTYPE', 1, true) then return nil end
  -- Raises it.
  return redis.call(command, key, ...)
end

-- head.lost: there is no log, or the head is not whole, so that nothing here can be trusted.
local head, stored = {}, {}
do
  local names = {}
  for _, name in ipairs(TEXTS) do names[#names + 1] = name end
  for _, name in ipairs(NUMBERS) do names[#names + 1] = name end
  local values = ask('HMGET', HEAD, unpack(names))
  for i, name in ipairs(names) do stored[name] = values and values[i] or nil end
  for _, name in ipairs(TEXTS) do head[name] = stored[name] or '' end
  local whole = string.match(head.id, ID) ~= nil
  if not whole then head.id = '0' end
  if not string.match(head.fin, ID) then head.fin = '' end
  for _, name in ipairs(NUMBERS) do
    local value = stored[name]
    if not (value and #value < 17 and string.match(value, '^%d+$')) then
      value, whole = nil, false
    end
    head[name] = tonumber(value or 0)
  end
  head.lost = not whole
  -- There is a head, and no script wrote it as it is.
  head.damaged = head.lost and (not values or stored.id ~= nil or stored.version ~= nil)
end

local function bytes_of(list)
  local bytes = 0
  for _, element in ipairs(list) do bytes = bytes + #element end
  return bytes
end

-- Whether the cache's keys hold as much as the head says. The workflow can replace them.
local function is_cache_whole()
  return ask('LLEN', TURNS) == head.turns and ask('LLEN', STEPS) == head.steps
    and ask('STRLEN', STATE) == head.stateBytes and ask('HLEN', APPLIED) == head.producers
end
-- Whether the running step's parts are there. Only their writer can replace them.
local function are_parts_whole()
  return ask('LLEN', PARTS) == head.parts and ask('STRLEN', TEXT) == head.textBytes
end
-- Compares the bytes of the parts as well, which takes as long as reading them.
local function are_parts_exact()
  return are_parts_whole() and bytes_of(redis.call('LRANGE', PARTS, 0, -1)) == head.partBytes
end

-- JSON of the last part, where that grows.
local function open_part()
  return head.opening .. (redis.call('GET', TEXT) or '') .. '"}'
end

-- JSON of the running step's parts.
local function parts_json()
  local parts = redis.call('LRANGE', PARTS, 0, -1)
  if head.opening ~= '' then parts[#parts + 1] = open_part() end
  return '[' .. table.concat(parts, ',') .. ']'
end
