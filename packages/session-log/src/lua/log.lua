-- What every writing script of the session log goes on with; an operation's own file follows it.
-- ARGV 1–6: a random number for new ids, seconds to keep a silent session, the log's bounds (frames to keep, bytes to keep,
-- seconds to keep the frames of a silent log), the writer's epoch. The operation's own follow.
--
-- JSON is spliced here, never decoded or encoded: Lua has one table for [] and {} and doubles for numbers, so a round
-- trip would change what agents and clients wrote. Text lies in its key as the inside of a JSON string, which also
-- lets a surrogate pair be split between two appends. Its lengths (UTF-16 code units) are counted by the caller.
local nonce, ttl, epoch = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[6])
local most_frames, most_bytes, log_ttl = ARGV[3], tonumber(ARGV[4]), ARGV[5]

-- A frame's id, its `prev`, and what the stream needs beside its body.
local FRAME_BYTES = 100

-- A writer whose session has ended and begun again since.
local outdated = epoch < head.epoch
-- The session has begun again, and counts its versions and turns from 1: what is here was another's. The chain alone goes
-- on, for a reader to find out by.
if epoch > head.epoch then head.lost = true end
if head.lost then
  local kept = {total = head.total, stop = head.stop, epoch = math.max(epoch, head.epoch)}
  if epoch > head.epoch then kept.stop = 0 end
  for _, name in ipairs(NUMBERS) do head[name] = kept[name] or 0 end
  head.sum, head.fin, head.stateSum = '', '', ''
end
-- Whatever outlived its head belongs to a log that is gone.
local function bury()
  if not head.lost then return end
  redis.call('DEL', LOG, TEXT, TURNS, STATE, APPLIED)
  if head.damaged then
    redis.call('DEL', HEAD)
    stored = {}
  end
end

local function digits(number)
  return string.format('%.0f', number)
end

local function ms_of(id)
  return tonumber(string.match(id, '^%d+'))
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
  return digits(ms) .. '-' .. digits(seq)
end

-- Drops the oldest frames until the rest is within its bytes; never the last. Each entry tells how much was appended before
-- it, so that no entry has to be weighed, and none that went otherwise (the stream expired) is counted.
local function trim()
  while true do
    local oldest = redis.call('XRANGE', LOG, '-', '+', 'COUNT', 16)
    for _, entry in ipairs(oldest) do
      local at = tonumber(entry[2][6] or 0) or 0
      if entry[1] == head.id or head.total - at <= most_bytes then
        head.floor = at
        redis.call('XTRIM', LOG, 'MINID', '=', entry[1])
        return
      end
    end
    redis.call('XTRIM', LOG, 'MINID', '=', oldest[#oldest][1])
  end
end

-- Adds a frame, a JSON object without `id` and `prev`, to the stream and sends it, whole, to who follows.
local function append(body)
  local id = next_id()
  local function add(call)
    return call('XADD', LOG, 'MAXLEN', '=', most_frames, id, 'prev', head.id, 'body', body, 'at', digits(head.total))
  end
  local added = add(redis.pcall)
  if type(added) == 'table' and added.err then
    -- Not a stream, or one with entries of somebody else's: readers who need it take a snapshot. Anything else is raised.
    local is_damaged = string.find(added.err, 'WRONGTYPE', 1, true) or string.find(added.err, 'equal or smaller', 1, true)
    if is_damaged then redis.call('DEL', LOG) end
    add(redis.call)
  end
  redis.call('SPUBLISH', FEED, '{"id":"' .. id .. '","prev":"' .. head.id .. '",' .. string.sub(body, 2))
  head.id = id
  head.total = head.total + #body + FRAME_BYTES
  if head.total - head.floor > most_bytes then trim() end
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

local function set_text(text, length)
  if text == '' then
    redis.call('DEL', TEXT)
  else
    redis.call('SET', TEXT, text)
  end
  head.textBytes, head.length = #text, length
end

local function run_turn(turn)
  set_text('', 0)
  head.turn, head.step, head.attempt, head.index, head.base, head.torn = turn, 1, 1, 0, 0, 0
end

local function end_turn(turn)
  run_turn(0)
  if turn > head.ended then head.ended = turn end
end

-- Keys that are not what the head tells of. What the cache lost the workflow has: a snapshot will be asked of it. The text of
-- the running turn nobody has but who writes it: readers are told to begin with none, and a writer to look before it goes on.
-- What is under a name and of no use there goes, so that it can be written to.
local function mend()
  if head.lost then return end
  if not is_cache_whole() then
    head.cold = 1
    for key, command in pairs({[TURNS] = 'LLEN', [STATE] = 'STRLEN', [APPLIED] = 'HLEN'}) do
      if ask(command, key) == nil then redis.call('DEL', key) end
    end
  end
  if not is_text_whole() then
    set_text('', 0)
    if head.turn > 0 then
      head.base, head.torn = 0, 1
      resync()
    end
  end
end

-- Writes back what of the head has changed. What tells the session's state gets the same time to live, so that no key outlives
-- another. The frames need not stay so long: who has the last one is up to date without them.
local function save()
  head.stateBytes, head.turns = redis.call('STRLEN', STATE), redis.call('LLEN', TURNS)
  head.producers = redis.call('HLEN', APPLIED)
  local fields = {}
  local function set(name, value)
    if stored[name] == value then return end
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
  for _, name in ipairs(TEXTS) do set(name, head[name]) end
  for _, name in ipairs(NUMBERS) do set(name, digits(head[name])) end
  if #fields > 0 then redis.call('HSET', HEAD, unpack(fields)) end
  redis.call('EXPIRE', LOG, log_ttl)
  for i = 2, 6 do redis.call('EXPIRE', KEYS[i], ttl) end
end

-- Sets fields of a hash, or elements of a list, from ARGV; unpack() alone fails on some thousands of values.
local function push(command, key, first, last)
  for i = first, last, 1000 do redis.call(command, key, unpack(ARGV, i, math.min(i + 999, last))) end
end
