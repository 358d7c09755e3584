-- Replaces the cache by a snapshot of the workflow.
-- ARGV 7…: version, agent, state, last ended turn, running turn (0: none), step, attempt, index, text (inside of a
-- JSON string), its length, inputs, number of turns, the turns, then producer, seq, producer, seq …
-- Returns: stored | older.
local FIRST = 19
local version, ended, turn = tonumber(ARGV[7]), tonumber(ARGV[10]), tonumber(ARGV[11])
local turns = tonumber(ARGV[18])

-- Somebody else's field among them would make the whole cache unreadable, each time it is read.
local function are_marks(fields)
  for i = 1, #fields, 2 do
    if not (string.find(fields[i], '^[^/]+/[^/]+$') and string.find(fields[i + 1], '^[1-9]%d*$')) then return false end
  end
  return true
end

-- Whether the cache holds this very snapshot. More producers than the workflow remembers are no difference.
local function is_held()
  if head.lost or head.cold == 1 or version ~= head.version or turn ~= head.turn then return false end
  if not (is_cache_whole() and is_text_whole()) or turns ~= head.turns then return false end
  if redis.call('GET', STATE) ~= ARGV[9] or redis.call('HGET', HEAD, 'agent') ~= ARGV[8] then return false end
  if turn > 0 and redis.call('HGET', HEAD, 'inputs') ~= ARGV[17] then return false end
  for i, committed in ipairs(redis.call('LRANGE', TURNS, 0, -1)) do
    if committed ~= ARGV[FIRST + i - 1] then return false end
  end
  for i = FIRST + turns, #ARGV, 2 do
    if redis.call('HGET', APPLIED, ARGV[i]) ~= ARGV[i + 1] then return false end
  end
  return are_marks(redis.call('HGETALL', APPLIED))
end

if outdated or version < head.version then return 'older' end
if is_held() then return 'stored' end

bury()
mend()
redis.call('DEL', TURNS, APPLIED)
redis.call('SET', STATE, ARGV[9])
push('RPUSH', TURNS, FIRST, FIRST + turns - 1)
push('HSET', APPLIED, FIRST + turns, #ARGV)
redis.call('HSET', HEAD, 'agent', ARGV[8], 'inputs', ARGV[17])
head.version, head.cold, head.sum, head.stateSum = version, 0, '', redis.sha1hex(ARGV[9])
head.turnBytes = 0
for i = FIRST, FIRST + turns - 1 do head.turnBytes = head.turnBytes + #ARGV[i] end
-- A snapshot may have left its turns behind to stay small.
if ended > head.ended then head.ended = ended end
-- Partial text is known to the log alone; the workflow knows what earlier steps wrote.
if turn ~= head.turn or head.index == 0 or head.torn == 1 then
  local known, step, attempt, index, torn = turn == head.turn, head.step, head.attempt, head.index, head.torn
  run_turn(turn)
  if turn > 0 then
    set_text(ARGV[15], tonumber(ARGV[16]))
    head.step, head.attempt, head.index = tonumber(ARGV[12]), tonumber(ARGV[13]), tonumber(ARGV[14])
    head.base = head.length
    if known then
      head.index, head.torn = math.max(head.index, index), torn
      if compare_fence(step, attempt) > 0 then head.step, head.attempt = step, attempt end
    end
  end
end
resync()
save()
return 'stored'
