-- Replaces the cache by a snapshot of the workflow.
-- Arguments: version, ended (the last turn that has), turn (the running one, 0 for none), step, attempt, index; turns, steps, parts
-- (how many of each follow).
-- ARGV 2…: agent, state, origin, inputs, questions, replaces, opening and text of the part that grows, the turns, the running turn's
-- ended steps, the other parts of its running step, then producer, seq, producer, seq …
-- Returns: stored | older.
local version, turn, step, attempt = args.version, args.turn, args.step, args.attempt
local agent, state, origin, inputs, questions, replaces, opening, text = unpack(ARGV, 2, 9)
local TURNS_FROM = 10
local STEPS_FROM = TURNS_FROM + args.turns
local PARTS_FROM = STEPS_FROM + args.steps
local MARKS_FROM = PARTS_FROM + args.parts

-- A foreign field among them would make the whole cache unreadable.
local function are_marks(fields)
  for i = 1, #fields, 2 do
    if not (string.find(fields[i], '^[^/]+/[^/]+$') and string.find(fields[i + 1], '^[1-9]%d*$')) then return false end
  end
  return true
end

local function are_same(key, count, from)
  local elements = redis.call('LRANGE', key, 0, -1)
  if #elements ~= count then return false end
  for i, element in ipairs(elements) do
    if element ~= ARGV[from + i - 1] then return false end
  end
  return true
end

local function has_fields(...)
  local pairs_of = {...}
  for i = 1, #pairs_of, 2 do
    if redis.call('HGET', HEAD, pairs_of[i]) ~= pairs_of[i + 1] then return false end
  end
  return true
end

-- Whether the cache holds this very snapshot. It may have more producers than the workflow remembers, and parts of the running step,
-- which the workflow does not know.
local function is_held()
  if head.lost or head.cold == 1 or version ~= head.version or turn ~= head.turn then return false end
  if not (is_cache_whole() and are_parts_exact()) then return false end
  if redis.call('GET', STATE) ~= state or not has_fields('agent', agent) then return false end
  if turn > 0 then
    if step ~= head.step or not are_same(STEPS, args.steps, STEPS_FROM) then return false end
    if not has_fields('origin', origin, 'inputs', inputs, 'questions', questions, 'replaces', replaces) then return false end
  end
  if not are_same(TURNS, args.turns, TURNS_FROM) then return false end
  for i = MARKS_FROM, #ARGV, 2 do
    if redis.call('HGET', APPLIED, ARGV[i]) ~= ARGV[i + 1] then return false end
  end
  return are_marks(redis.call('HGETALL', APPLIED))
end

local is_same_turn = not head.lost and turn > 0 and turn == head.turn
if outdated or version < head.version then return 'older' end
-- The workflow began a later step after it was asked.
if is_same_turn and step < head.step then return 'older' end
if is_held() then return 'stored' end

drop_old_keys()
recheck_keys(true)
-- The workflow does not know the running step's parts: the log keeps those it has.
if not is_same_turn or step > head.step or head.index == 0 or head.torn == 1 then
  local index, torn, fence, seq = head.index, head.torn, head.attempt, head.seq
  local is_overtaken = is_same_turn and compare_fence(step, attempt) <= 0
  run_turn(turn)
  if turn > 0 then
    head.step, head.attempt, head.held, head.index = step, attempt, attempt, args.index
    for i = PARTS_FROM, MARKS_FROM - 1 do push(PARTS, 'parts', 'partBytes', ARGV[i]) end
    if opening ~= '' then add_part(opening, text) end
  end
  if is_same_turn then head.index, head.torn = math.max(head.index, index), torn end
  if is_overtaken then head.attempt, head.seq = fence, seq end
end
redis.call('DEL', TURNS, STEPS, APPLIED)
push_all('RPUSH', TURNS, TURNS_FROM, STEPS_FROM - 1)
push_all('RPUSH', STEPS, STEPS_FROM, PARTS_FROM - 1)
push_all('HSET', APPLIED, MARKS_FROM, #ARGV)
redis.call('SET', STATE, state)
for _, key in ipairs({TURNS, STEPS, STATE, APPLIED}) do made[key] = true end
redis.call(
  'HSET', HEAD, 'agent', agent, 'origin', origin, 'inputs', inputs, 'questions', questions, 'replaces', replaces
)
head.version, head.cold, head.sum, head.stateSum = version, 0, '', redis.sha1hex(state)
-- The snapshot's turns may not reach to the last that ended, if it had to stay small.
head.ended = math.max(head.ended, args.ended)
recount()
head.turnBytes = bytes_of(redis.call('LRANGE', TURNS, 0, -1))
head.stepBytes = bytes_of(redis.call('LRANGE', STEPS, 0, -1))
resync()
save()
return 'stored'
