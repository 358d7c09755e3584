-- Every script that writes has this file between `head.lua` and its own.
-- Arguments of each: epoch (the writer's), nonce (a random number for new ids), ttl (seconds to keep a silent session), and the bounds
-- of its frames: frames (how many), bytes, framesTtl (seconds to keep those of a silent log).
--
-- JSON of the session is spliced here, never decoded or encoded: Lua has one table for [] and {} and doubles for numbers, so a
-- round trip would change what agents and clients wrote. The text of the part that grows lies in its key as the inside of a JSON
-- string, which also lets a surrogate pair be split between two appends.

-- A frame's id, its `prev`, and what the stream needs beside its body.
local FRAME_BYTES = 100

-- The writer is of an earlier epoch: its session has begun again since.
local outdated = args.epoch < head.epoch
-- The writer is of a later epoch: its session counts versions and turns from 1 again, and this log is of the epoch before. Only the
-- chain goes on, so that readers notice.
local began_again = args.epoch > head.epoch
if began_again then head.lost = true end
if head.lost then
  local kept = {total = head.total, stop = began_again and 0 or head.stop, epoch = math.max(args.epoch, head.epoch)}
  for _, name in ipairs(NUMBERS) do head[name] = kept[name] or 0 end
  for _, name in ipairs(TEXTS) do head[name] = name == 'id' and head.id or '' end
end
-- Deletes keys that outlived their head: they belong to a log that is gone.
local function drop_old_keys()
  if not head.lost then return end
  redis.call('DEL', LOG, PARTS, TEXT, STEPS, TURNS, STATE, APPLIED)
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

-- Unix milliseconds, the same all through a script.
local clock
local function now()
  if not clock then
    local time = redis.call('TIME')
    clock = time[1] * 1000 + math.floor(time[2] / 1000)
  end
  return clock
end

-- chain-2: an id is never given twice, not even by a replica that took over with a slow clock and without the tail:
-- the time never goes back, and every id is a random distance from the one before it. Doubles count to 2^53.
local function next_id()
  local ms, seq = string.match(head.id, '^(%d+)-(%d+)$')
  ms, seq = tonumber(ms or 0), tonumber(seq or 0) + args.nonce
  if now() > ms then
    ms, seq = now(), args.nonce
  elseif seq > 4503599627370496 then
    ms, seq = ms + 1, args.nonce
  end
  return digits(ms) .. '-' .. digits(seq)
end

-- Drops the oldest frames until the rest is within its bytes; never the last. Each entry tells how many bytes were appended before
-- it. So no entry has to be measured, and entries that went otherwise (the stream expired) are not counted.
local function trim()
  while true do
    local oldest = redis.call('XRANGE', LOG, '-', '+', 'COUNT', 16)
    for _, entry in ipairs(oldest) do
      local bytes_before = tonumber(entry[2][6] or 0) or 0
      if entry[1] == head.id or head.total - bytes_before <= args.bytes then
        head.floor = bytes_before
        redis.call('XTRIM', LOG, 'MINID', '=', entry[1])
        return
      end
    end
    redis.call('XTRIM', LOG, 'MINID', '=', oldest[#oldest][1])
  end
end

-- Adds a frame to the stream and publishes it. `body`: its JSON without `id` and `prev`.
local function append(body)
  local id = next_id()
  local function add(call)
    return call(
      'XADD', LOG, 'MAXLEN', '=', digits(args.frames), id, 'prev', head.id, 'body', body, 'at', digits(head.total)
    )
  end
  local added = add(redis.pcall)
  if type(added) == 'table' and added.err then
    -- The key is no stream, or has foreign entries. Readers who need those frames take a snapshot. The second call raises any other error.
    local is_damaged = string.find(added.err, 'WRONGTYPE', 1, true) or string.find(added.err, 'equal or smaller', 1, true)
    if is_damaged then redis.call('DEL', LOG) end
    add(redis.call)
  end
  redis.call('SPUBLISH', FEED, '{"id":"' .. id .. '","prev":"' .. head.id .. '",' .. string.sub(body, 2))
  head.id = id
  head.total = head.total + #body + FRAME_BYTES
  if head.total - head.floor > args.bytes then trim() end
end

-- Sends all readers to a snapshot: the log has no frames that lead on from what they hold.
local function resync()
  append('{"type":"resync"}')
end

-- The log lost something. Until a snapshot is put, the cache does not tell the session's state.
local function mark_cold()
  head.cold = 1
  resync()
end

-- Below 0: the writer's fence is under the running turn's.
local function compare_fence(step, attempt)
  if step ~= head.step then return step - head.step end
  return attempt - head.attempt
end

-- Keys that this script made. They have no expiry yet.
local made = {}

-- Adds to a list that the head counts as `count` and `bytes`.
local function push(key, count, bytes, json)
  redis.call('RPUSH', key, json)
  if head[count] == 0 then made[key] = true end
  head[count], head[bytes] = head[count] + 1, head[bytes] + #json
end

local function set_text(text)
  if text == '' then
    redis.call('DEL', TEXT)
  else
    redis.call('SET', TEXT, text)
    made[TEXT] = true
  end
  head.textBytes = #text
end

local function count_parts()
  return head.parts + (head.opening == '' and 0 or 1)
end

-- Adds a part: an open one by its opening and text, any other by its JSON. A part that was open before is closed.
local function add_part(opening, text, json)
  if head.opening ~= '' then
    push(PARTS, 'parts', 'partBytes', open_part())
    head.opening = ''
    if opening == '' then set_text('') end
  end
  if opening == '' then
    push(PARTS, 'parts', 'partBytes', json)
  else
    head.opening = opening
    set_text(text)
  end
end

local function clear_parts()
  redis.call('DEL', PARTS)
  head.parts, head.partBytes, head.opening = 0, 0, ''
  set_text('')
end

-- Makes `step` the running step, with no parts.
local function run_step(step)
  clear_parts()
  head.step, head.attempt, head.held, head.seq, head.torn = step, 1, 1, 0, 0
end

local function run_turn(turn)
  run_step(1)
  redis.call('DEL', STEPS)
  head.turn, head.index, head.steps, head.stepBytes = turn, 0, 0, 0
end

-- Counts anew what the cache's keys hold. The bytes of the lists are not counted: the cache is cold until a snapshot is put.
local function recount()
  head.stateBytes, head.turns = redis.call('STRLEN', STATE), redis.call('LLEN', TURNS)
  head.steps, head.producers = redis.call('LLEN', STEPS), redis.call('HLEN', APPLIED)
end

-- Compares the keys with the head, and prepares for what was lost.
-- If the cache lost something, it becomes cold: the workflow has all of it. A key of a wrong type is deleted, so that it can be written.
-- If parts of the running step are lost, only their writer has them. Readers begin the step with no parts, and the writer has to look
-- (`begin`) before it goes on. The index is raised, so that no frame counts on from the index that readers had.
-- `exactly`: compares the bytes of the parts, too.
local function recheck_keys(exactly)
  if head.lost then return end
  if not is_cache_whole() then
    head.cold = 1
    for key, command in pairs({[TURNS] = 'LLEN', [STEPS] = 'LLEN', [STATE] = 'STRLEN', [APPLIED] = 'HLEN'}) do
      if ask(command, key) == nil then redis.call('DEL', key) end
    end
    recount()
  end
  if not are_parts_whole() or (exactly and not are_parts_exact()) then
    clear_parts()
    if head.turn > 0 then
      head.torn, head.index = 1, head.index + 1
      resync()
    end
  end
end

-- Writes back the fields of the head that have changed, and sets the keys' expiry. All keys expire together: a key that outlived
-- another would look like damage. So all are given a new time at once, which has a sixteenth to spare. Until that is used up, only
-- keys that were made get a time: that of the others. Frames expire earlier: a reader that has the last one needs no other.
local function save()
  local ttl, seconds = args.ttl, math.floor(now() / 1000)
  local renews = head.expires < seconds + ttl
  if renews then head.expires = seconds + ttl + math.floor(ttl / 16) end
  local fields = {}
  local function set(name, value)
    if stored[name] == value then return end
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
  for _, name in ipairs(TEXTS) do set(name, head[name]) end
  for _, name in ipairs(NUMBERS) do set(name, digits(head[name])) end
  if #fields > 0 then redis.call('HSET', HEAD, unpack(fields)) end
  redis.call('EXPIRE', LOG, digits(args.framesTtl))
  for _, key in ipairs({HEAD, PARTS, TEXT, STEPS, TURNS, STATE, APPLIED}) do
    if renews or made[key] then redis.call('EXPIREAT', key, digits(head.expires)) end
  end
end

-- Adds elements of ARGV to a list or fields to a hash; unpack() alone fails on some thousands of values.
local function push_all(command, key, first, last)
  for i = first, last, 1000 do redis.call(command, key, unpack(ARGV, i, math.min(i + 999, last))) end
end

-- Notes the seqs that a turn has taken, from ARGV. The workflow forgets the producers that were silent longest. A hash cannot tell
-- which those are, so the cache becomes cold when there are too many.
local function apply_marks(first)
  if head.producers == 0 then made[APPLIED] = true end
  push_all('HSET', APPLIED, first, #ARGV)
  head.producers = redis.call('HLEN', APPLIED)
  if head.producers > args.producers then head.cold = 1 end
end
