-- What every script of the session log begins with: a session's keys, its head, and whether what the head tells of is there.
-- Reads only.
-- KEYS: the session's log (stream), head (hash), text, turns (list), state, applied (hash), feed (channel).
--
-- A server may lose a single key (an eviction, an operator), or hold under its name what nobody here wrote. So the head counts
-- what the other keys hold, and every script compares: what is not there must not look like what never was.
local LOG, HEAD, TEXT, TURNS, STATE, APPLIED, FEED = unpack(KEYS)

-- version, cold (1: the cache does not tell the session's state); turn (the running one, 0 for none), its fence (step,
-- attempt), its text frames (index), the length of its text and how much of that earlier steps wrote (base), torn (1: the text
-- was lost and nobody who writes it knows); ended (the last turn known to have ended); stop (turn to interrupt); epoch
-- (the highest that wrote); total (bytes ever appended to the log) and floor (at least so many of them are gone).
local NUMBERS = {
  'version', 'cold', 'turn', 'step', 'attempt', 'index', 'length', 'base', 'torn', 'ended', 'stop', 'epoch', 'total',
  'floor',
  -- What the other keys hold: bytes of the text and of the state, committed turns and their bytes, producers.
  'textBytes', 'stateBytes', 'turns', 'turnBytes', 'producers',
}
-- id (of the last frame), sum (digest of the last commit, '' if unknown) and run (the workflow's that made it), fin (id of the
-- frame that ended the last turn), stateSum (digest of the state).
local TEXTS = {'id', 'sum', 'run', 'fin', 'stateSum'}
local ID = '^%d+%-%d+$'

-- The answer of a command that reads `key`, or nil where the key is of another type than ours.
local function ask(command, key, ...)
  local answer = redis.pcall(command, key, ...)
  if type(answer) ~= 'table' or not answer.err then return answer end
  if string.find(answer.err, 'WRONGTYPE', 1, true) then return nil end
  -- Raises it.
  return redis.call(command, key, ...)
end

-- lost: nothing here is of this session, or what is cannot be told from damage.
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
  -- Something is there, and it is not what a script wrote.
  head.damaged = head.lost and (not values or stored.id ~= nil or stored.version ~= nil)
end

-- Whether the keys hold what the head says they do.
local function is_cache_whole()
  return ask('LLEN', TURNS) == head.turns and ask('STRLEN', STATE) == head.stateBytes
    and ask('HLEN', APPLIED) == head.producers
end
local function is_text_whole()
  return ask('STRLEN', TEXT) == head.textBytes
end
