-- Replaces the cache by a snapshot of the workflow.
-- ARGV 4…: version, agent, state, last ended turn, running turn (0: none), step, attempt, index, text (inside of a
-- JSON string), its length, inputs, number of turns, the turns, then producer, seq, producer, seq …
-- Returns: stored | older.
local version, ended, turn = tonumber(ARGV[4]), tonumber(ARGV[7]), tonumber(ARGV[8])
local turns = tonumber(ARGV[15])

if version < head.version then return 'older' end
-- The same version with another state: other content was published under it, and this is what became of it.
local same = version == head.version and redis.call('GET', STATE) == ARGV[6]
if same and head.cold == 0 and not head.lost then return 'stored' end

bury()
redis.call('DEL', TURNS, APPLIED)
redis.call('SET', STATE, ARGV[6])
push('RPUSH', TURNS, 16, 15 + turns)
push('HSET', APPLIED, 16 + turns, #ARGV)
redis.call('HSET', HEAD, 'agent', ARGV[5], 'inputs', ARGV[14])
head.version, head.cold, head.sum = version, 0, ''
-- A snapshot may have left its turns behind to stay small.
if ended > head.ended then head.ended = ended end
-- Partial text is known to the log alone; the workflow knows what earlier steps wrote.
if turn ~= head.turn or head.index == 0 then
  local known = turn == head.turn
  local step, attempt = head.step, head.attempt
  run_turn(turn)
  if turn > 0 then
    redis.call('SET', TEXT, ARGV[12])
    head.step, head.attempt, head.index = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
    head.length = tonumber(ARGV[13])
    head.base = head.length
    if known and compare_fence(step, attempt) > 0 then head.step, head.attempt = step, attempt end
  end
end
resync()
save()
return 'stored'
