-- Replaces the cache by a snapshot of the workflow.
-- ARGV 5…: version, agent, state, last ended turn, running turn (0: none), step, attempt, index, text (inside of a
-- JSON string), its length, inputs, number of turns, the turns, then producer, seq, producer, seq …
-- Returns: stored | older.
local version, ended, turn = tonumber(ARGV[5]), tonumber(ARGV[8]), tonumber(ARGV[9])
local turns = tonumber(ARGV[16])

if outdated or version < head.version then return 'older' end
-- The same version with another state: other content was published under it, and this is what became of it.
local same = version == head.version and redis.call('GET', STATE) == ARGV[7]
if same and head.cold == 0 and not head.lost then return 'stored' end

bury()
redis.call('DEL', TURNS, APPLIED)
redis.call('SET', STATE, ARGV[7])
push('RPUSH', TURNS, 17, 16 + turns)
push('HSET', APPLIED, 17 + turns, #ARGV)
redis.call('HSET', HEAD, 'agent', ARGV[6], 'inputs', ARGV[15])
head.version, head.cold, head.sum = version, 0, ''
-- A snapshot may have left its turns behind to stay small.
if ended > head.ended then head.ended = ended end
-- Partial text is known to the log alone; the workflow knows what earlier steps wrote.
if turn ~= head.turn or head.index == 0 then
  local known = turn == head.turn
  local step, attempt = head.step, head.attempt
  run_turn(turn)
  if turn > 0 then
    redis.call('SET', TEXT, ARGV[13])
    head.step, head.attempt, head.index = tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])
    head.length = tonumber(ARGV[14])
    head.base = head.length
    if known and compare_fence(step, attempt) > 0 then head.step, head.attempt = step, attempt end
  end
end
resync()
save()
return 'stored'
