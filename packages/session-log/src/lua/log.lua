-- What every writing script of the session log begins with; an operation's own file follows it.
-- KEYS: the session's log (stream), head (hash), text, turns (list), state, applied (hash), feed (channel).
-- ARGV 1–4: a random number for new ids, seconds to keep a silent session, frames to keep, the writer's incarnation. The
-- operation's own follow.
--
-- JSON is spliced here, never decoded or encoded: Lua has one table for [] and {} and doubles for numbers, so a round
-- trip would change what agents and clients wrote. Text lies in its key as the inside of a JSON string, which also
-- lets a surrogate pair be split between two appends. Its lengths (UTF-16 code units) are counted by the caller.
local LOG, HEAD, TEXT, TURNS, STATE, APPLIED, FEED = unpack(KEYS)
local nonce, ttl, kept, incarnation = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])

-- version, cold (1: the cache does not tell the session's state), sum (digest of the last commit, '' if unknown) and run (the
-- workflow's that made it);
-- turn (the running one, 0 for none), its fence (step, attempt), its text frames (index), the length of its text and
-- how much of that earlier steps wrote (base); ended (the last turn known to have ended); stop (turn to interrupt);
-- incarnation (the highest that wrote). lost: nothing here is of this session.
local NUMBERS = {'version', 'cold', 'turn', 'step', 'attempt', 'index', 'length', 'base', 'ended', 'stop', 'incarnation'}
local head = {}
do
  local values = redis.call('HMGET', HEAD, 'id', 'sum', 'run', unpack(NUMBERS))
  head.lost = not values[1]
  head.id = values[1] or '0'
  head.sum, head.run = values[2] or '', values[3] or ''
  for i, name in ipairs(NUMBERS) do head[name] = tonumber(values[i + 3] or 0) end
end
-- A writer whose session has ended and begun again since.
local outdated = incarnation < head.incarnation
-- The session has begun again, and counts its versions and turns from 1: what is here was another's. The chain alone goes
-- on, for a reader to find out by.
if incarnation > head.incarnation then
  head.lost, head.sum = true, ''
  for _, name in ipairs(NUMBERS) do head[name] = 0 end
  head.incarnation = incarnation
end
-- Whatever outlived its head belongs to a log that is gone.
local function bury()
  if head.lost then redis.call('DEL', LOG, TEXT, TURNS, STATE, APPLIED) end
end

-- chain-2: an id is never given twice, not even by a replica that took over with a slow clock and without the tail:
-- the time never goes back, and every id is a random distance from the one before it. Doubles count to 2^53.
local function next_id()
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local ms, seq = string.match(head.id, '^(%d+)-(%d+)$')
  ms, seq = tonumber(ms or 0), tonumber(seq or 0) + nonce
  if now > ms then
    ms, seq = now, nonce
  elseif seq > 4503599627370496 then
    ms, seq = ms + 1, nonce
  end
  return string.format('%.0f-%.0f', ms, seq)
end

-- Adds a frame, a JSON object without `id` and `prev`, to the stream and sends it, whole, to who follows.
local function append(body)
  local id = next_id()
  redis.call('XADD', LOG, 'MAXLEN', '=', kept, id, 'prev', head.id, 'body', body)
  redis.call('SPUBLISH', FEED, '{"id":"' .. id .. '","prev":"' .. head.id .. '",' .. string.sub(body, 2))
  head.id = id
end

-- Readers hold, or are about to hold, something the log cannot lead on from: only a snapshot helps them.
local function resync()
  append('{"type":"resync"}')
end

-- The log lost something: until a snapshot is put, the cache does not tell the session's state.
local function lose()
  head.cold = 1
  resync()
end

-- Below 0: the writer's fence is under the running turn's.
local function compare_fence(step, attempt)
  if step ~= head.step then return step - head.step end
  return attempt - head.attempt
end

local function run_turn(turn)
  redis.call('DEL', TEXT)
  head.turn, head.step, head.attempt, head.index, head.length, head.base = turn, 1, 1, 0, 0, 0
end

local function end_turn(turn)
  run_turn(0)
  if turn > head.ended then head.ended = turn end
end

-- Writes the head back. All keys get the same time to live, so that none outlives another.
local function save()
  local fields = {'id', head.id, 'sum', head.sum, 'run', head.run}
  for _, name in ipairs(NUMBERS) do
    fields[#fields + 1] = name
    fields[#fields + 1] = string.format('%.0f', head[name])
  end
  redis.call('HSET', HEAD, unpack(fields))
  for i = 1, 6 do redis.call('EXPIRE', KEYS[i], ttl) end
end

-- Sets fields of a hash, or elements of a list, from ARGV; unpack() alone fails on some thousands of values.
local function push(command, key, first, last)
  for i = first, last, 1000 do redis.call(command, key, unpack(ARGV, i, math.min(i + 999, last))) end
end
