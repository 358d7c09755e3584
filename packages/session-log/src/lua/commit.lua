-- Appends a turn's end or a change of state, committed by the workflow, and keeps the cache exact.
-- ARGV 7…: version, turn (0: no turn ended), state, committed turn, turns to keep, body, the workflow's run, seconds for which
-- the frames of an ended turn stay.
-- Returns: appended | duplicate | gap, or shown with the state and the turn (or '') readers were given under this version.
if outdated then return {'duplicate'} end
local version, turn, keep, run = tonumber(ARGV[7]), tonumber(ARGV[8]), math.max(1, tonumber(ARGV[11])), ARGV[13]
local state, recent_ms = ARGV[9], tonumber(ARGV[14]) * 1000
local sum = redis.sha1hex(state .. ARGV[12])

-- Drops what was before the end of the turn before this one: text of turns that have ended is void (frame-6). Who is a little
-- behind, or a few seconds, finds its frames.
local function forget_ended()
  local cut = head.fin
  head.fin = head.id
  if cut == '' then return end
  local recent = ms_of(head.id) - recent_ms
  if ms_of(cut) > recent then cut = digits(recent) .. '-0' end
  redis.call('XTRIM', LOG, 'MINID', '=', cut)
end

local function keep_turn(committed)
  local count = redis.call('RPUSH', TURNS, committed)
  head.turnBytes = head.turnBytes + #committed
  if count <= keep then return end
  for _, old in ipairs(redis.call('LRANGE', TURNS, 0, count - keep - 1)) do
    head.turnBytes = math.max(0, head.turnBytes - #old)
  end
  redis.call('LTRIM', TURNS, -keep, -1)
end

local differs = version == head.version and head.sum ~= '' and head.sum ~= sum
if version <= head.version and not differs then return {'duplicate'} end

-- A workflow task that was executed again commits with what came meanwhile, what it had published without it: readers have
-- it, and the workflow can still do as it told them. Another run, an operator's reset, is the truth over what readers hold.
if differs and head.run == run and is_cache_whole() then
  local state_shown = redis.call('GET', STATE)
  local shown = turn == 0 and '' or redis.call('LINDEX', TURNS, -1)
  if state_shown and shown then return {'shown', state_shown, shown} end
end

bury()
mend()
local gap = head.lost or differs or version > head.version + 1
if gap then lose() end
append(ARGV[12])
head.version, head.sum, head.run = version, sum, run
redis.call('SET', STATE, state)
head.stateSum = redis.sha1hex(state)
if turn > 0 then
  end_turn(turn)
  keep_turn(ARGV[10])
  forget_ended()
end
save()
return {gap and 'gap' or 'appended'}
