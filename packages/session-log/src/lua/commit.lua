-- Appends what the workflow committed, and keeps the cache exact.
-- Arguments: type, version, run (the workflow's), turn (0: the frame is of none), step (0: none), attempt and index (what readers hold
-- of it, if they need no parts), keepTurns, shrunk (number of the turn that is among the whole ones no more, or 0), endedSeconds (for
-- which the frames of an ended turn stay), producers (most to remember).
-- ARGV 2…: the frame without parts, parts (''), state, content (of turn.ended the committed turn, of turn.waiting the questions, of
-- inputs.joined the inputs), the shrunk turn (''), then producer, seq, producer, seq …: what the inputs applied.
-- Returns: appended | duplicate | gap, or shown with the type, the state and the content readers were given under this version.
if outdated then return {'duplicate'} end
local kind, version, turn, step = args.type, args.version, args.turn, args.step
local body, parts, state, content, shrunk = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local state_sum = redis.sha1hex(state)
local sum = redis.sha1hex(state_sum .. body .. parts)

local differs = version == head.version and head.sum ~= '' and head.sum ~= sum
if version <= head.version and not differs then return {'duplicate'} end

-- The content of the last commit as the cache keeps it; of `inputs.joined`, all inputs of the turn.
local function content_shown()
  if head.kind == 'turn.ended' then return redis.call('LINDEX', TURNS, -1) end
  if head.kind == 'step.ended' then return redis.call('LINDEX', STEPS, -1) end
  if head.kind == 'turn.waiting' then return redis.call('HGET', HEAD, 'questions') end
  if head.kind == 'inputs.joined' then return redis.call('HGET', HEAD, 'inputs') end
  return ''
end

-- A workflow task that is executed again may commit other content under the same version, because an event came meanwhile. Readers
-- have the first content, so the workflow is told that, and adopts it. A commit of another run (an operator's reset) is right, and
-- readers are not.
if differs and head.run == args.run and is_cache_whole() then
  local state_shown, shown = redis.call('GET', STATE), content_shown()
  if state_shown and shown then return {'shown', head.kind, state_shown, shown} end
end

-- Drops the frames from before the end of the turn before this one: growing frames of turns that have ended are void. Those of the
-- last seconds stay, for readers that are a little behind.
local function forget_ended()
  local cut = head.fin
  head.fin = head.id
  if cut == '' then return end
  local recent = ms_of(head.id) - args.endedSeconds * 1000
  if ms_of(cut) > recent then cut = digits(recent) .. '-0' end
  redis.call('XTRIM', LOG, 'MINID', '=', cut)
end

local function keep_turn()
  local keep = math.max(1, args.keepTurns)
  push(TURNS, 'turns', 'turnBytes', content)
  if head.turns > keep then
    local old = redis.call('LRANGE', TURNS, 0, head.turns - keep - 1)
    redis.call('LTRIM', TURNS, -keep, -1)
    head.turns, head.turnBytes = keep, math.max(0, head.turnBytes - bytes_of(old))
  end
  -- Turns are numbered without gaps, so that its number tells its place.
  local place = args.shrunk - turn - 1
  if shrunk ~= '' and -place <= head.turns then
    local whole = redis.call('LINDEX', TURNS, place)
    redis.call('LSET', TURNS, place, shrunk)
    head.turnBytes = math.max(0, head.turnBytes - #whole + #shrunk)
  end
end

-- Keeps the content of the running turn. A commit of another turn must not change it.
local function keep_content()
  if kind == 'turn.ended' then
    if turn >= head.turn then run_turn(0) end
    head.ended = math.max(head.ended, turn)
    keep_turn()
    forget_ended()
  elseif turn ~= head.turn then
    return
  elseif kind == 'turn.waiting' then
    redis.call('HSET', HEAD, 'questions', content)
  elseif kind == 'inputs.joined' then
    local before = redis.call('HGET', HEAD, 'inputs') or '[]'
    local comma = (before == '[]' or content == '[]') and '' or ','
    redis.call('HSET', HEAD, 'inputs', string.sub(before, 1, -2) .. comma .. string.sub(content, 2))
    if #ARGV > 6 then apply_marks(7) end
  elseif kind == 'step.ended' and step >= head.step then
    push(STEPS, 'steps', 'stepBytes', '{"step":' .. digits(step) .. ',"attempt":' .. digits(args.attempt) .. ',"parts":' .. parts .. '}')
    run_step(step + 1)
  end
end

drop_old_keys()
recheck_keys(step > 0)
local is_of_turn = turn == 0 or turn == head.turn
local is_of_step = step == 0 or step == head.step
local gap = head.lost or differs or version > head.version + 1 or not (is_of_turn and is_of_step)
if gap then mark_cold() end
-- end-1: whether readers hold the parts. The attempt is compared, too: its index may be of a log that was lost since. Index 0 never
-- counts: readers hold nothing then, and a writer that could not tell its index says 0 as well.
local is_of_attempt = args.attempt == head.attempt or args.attempt == head.held
local are_held = not gap and head.torn == 0 and is_of_attempt and args.index == head.index and args.index > 0
if step > 0 and parts ~= '' and not are_held then body = string.sub(body, 1, -2) .. ',"parts":' .. parts .. '}' end
append(body)
head.version, head.sum, head.kind, head.run = version, sum, kind, args.run
if state_sum ~= head.stateSum or head.stateBytes ~= #state then
  redis.call('SET', STATE, state)
  made[STATE] = true
  head.stateSum, head.stateBytes = state_sum, #state
end
keep_content()
save()
return {gap and 'gap' or 'appended'}
