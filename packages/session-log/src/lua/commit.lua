-- Appends a turn's end or a change of state, committed by the workflow, and keeps the cache exact.
-- ARGV 5…: version, turn (0: no turn ended), state, committed turn, turns to keep, body.
-- Returns: appended | duplicate | gap.
if outdated then return 'duplicate' end
local version, turn, keep = tonumber(ARGV[5]), tonumber(ARGV[6]), math.max(1, tonumber(ARGV[9]))
local sum = redis.sha1hex(ARGV[10])

-- A workflow task that was executed again may commit other content under a version it had published: readers hold
-- what never was. Which of the two is true only the workflow knows.
local differs = version == head.version and head.sum ~= '' and head.sum ~= sum
if version <= head.version and not differs then return 'duplicate' end

bury()
local gap = head.lost or differs or version > head.version + 1
if gap then lose() end
append(ARGV[10])
head.version, head.sum = version, sum
redis.call('SET', STATE, ARGV[7])
if turn > 0 then
  end_turn(turn)
  redis.call('RPUSH', TURNS, ARGV[8])
  redis.call('LTRIM', TURNS, -keep, -1)
end
save()
return gap and 'gap' or 'appended'
