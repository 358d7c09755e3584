-- An attempt takes the fence. Appends `turn.started` unless the log has it.
-- ARGV 7…: turn, step, attempt, version, agent, inputs, most producers to remember, context turns, body, then
-- producer, seq, producer, seq …: what the turn applied.
-- Returns: ok | stale, text, length of earlier steps' text, index, stop, cold, then the newest committed turns.
local turn, step, attempt, version = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local producers, context = tonumber(ARGV[13]), tonumber(ARGV[14])

local known = turn == head.turn
if outdated or turn <= head.ended or turn < head.turn or (known and compare_fence(step, attempt) < 0) then
  return {'stale', '', 0, 0, 0, 1}
end
bury()
mend()
local started = version > head.version
-- A turn the log does not know though it has a later version, or a version above the next one.
if version > head.version + 1 or not (known or started) then
  lose()
elseif head.lost and head.id ~= '0' then
  resync()
end
if started then
  append(ARGV[15])
  head.version, head.sum = version, ''
end
-- A turn is known before its start where a `rewind` brought it back: its text stays, and who was told to resynchronise
-- finds it in the snapshot.
if not known then run_turn(turn) end
if step > head.step then head.base = head.length end
-- Whoever writes knows now what readers hold.
head.step, head.attempt, head.torn = step, attempt, 0
redis.call('HSET', HEAD, 'agent', ARGV[11], 'inputs', ARGV[12])
push('HSET', APPLIED, 16, #ARGV)
-- The workflow forgets the longest silent producers, which a hash cannot tell: have the cache made anew.
if redis.call('HLEN', APPLIED) > producers then head.cold = 1 end
save()

local reply = {'ok', redis.call('GET', TEXT) or '', head.base, head.index, head.stop == turn and 1 or 0, head.cold}
if context > 0 then
  for _, committed in ipairs(redis.call('LRANGE', TURNS, -context, -1)) do reply[#reply + 1] = committed end
end
return reply
