-- Appends a turn's end or a change of state, committed by the workflow, and keeps the cache exact.
-- ARGV 5…: version, turn (0: no turn ended), state, committed turn, turns to keep, body, the workflow's run.
-- Returns: appended | duplicate | gap, or shown with the state and the turn (or '') readers were given under this version.
if outdated then return {'duplicate'} end
local version, turn, keep, run = tonumber(ARGV[5]), tonumber(ARGV[6]), math.max(1, tonumber(ARGV[9])), ARGV[11]
local sum = redis.sha1hex(ARGV[7] .. ARGV[10])

local differs = version == head.version and head.sum ~= '' and head.sum ~= sum
if version <= head.version and not differs then return {'duplicate'} end

-- A workflow task that was executed again commits with what came meanwhile, what it had published without it: readers have
-- it, and the workflow can still do as it told them. Another run, an operator's reset, is the truth over what readers hold.
if differs and head.run == run then
  local state = redis.call('GET', STATE)
  local shown = turn == 0 and '' or redis.call('LINDEX', TURNS, -1)
  if state and shown then return {'shown', state, shown} end
end

bury()
local gap = head.lost or differs or version > head.version + 1
if gap then lose() end
append(ARGV[10])
head.version, head.sum, head.run = version, sum, run
redis.call('SET', STATE, ARGV[7])
if turn > 0 then
  end_turn(turn)
  redis.call('RPUSH', TURNS, ARGV[8])
  redis.call('LTRIM', TURNS, -keep, -1)
end
save()
return {gap and 'gap' or 'appended'}
