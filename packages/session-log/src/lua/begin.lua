-- An attempt takes the fence. Appends `turn.started` unless the log has it.
-- Arguments: turn, step, attempt, seq (the writer's last), version, contextTurns, producers (most to remember).
-- ARGV 2…: body, agent, origin, inputs, replaces (''), then producer, seq, producer, seq …: what the turn applied.
-- Returns: ok | stale, index, stop, cold, the step's parts, the steps before it, the newest committed turns.
local turn, step, attempt, version = args.turn, args.step, args.attempt, args.version

local known = turn == head.turn
local order = known and compare_fence(step, attempt) or 1
if outdated or turn <= head.ended or turn < head.turn or order < 0 then return {'stale', 0, 0, 1, '[]', {}, {}} end
bury()
mend(true)
local started = version > head.version
-- A turn the log does not know though it has a later version, a version above the next one, or a step before this one that the log
-- does not know to have ended.
local is_known_step = step == (known and head.step or 1)
if version > head.version + 1 or not (known or started) or not is_known_step then
  lose()
elseif head.lost and head.id ~= '0' then
  resync()
end
if started then
  append(ARGV[2])
  head.version, head.sum = version, ''
end
-- A turn is known before its start where a `rewind` brought it back: its parts stay, and whoever was told to resynchronise
-- finds them in the snapshot.
if not known then run_turn(turn) end
-- Not on every attempt: by now inputs may have joined the turn.
if started or not known then
  redis.call(
    'HSET', HEAD, 'agent', ARGV[3], 'origin', ARGV[4], 'inputs', ARGV[5], 'replaces', ARGV[6], 'questions', '[]'
  )
  apply_marks(7)
end
if step > head.step then run_step(step) end
-- The same writer once more may have been overtaken by its own writes.
head.seq = order == 0 and math.max(head.seq, args.seq) or args.seq
-- It knows now what readers hold.
head.attempt, head.torn = attempt, 0
save()

local turns = args.contextTurns > 0 and redis.call('LRANGE', TURNS, -args.contextTurns, -1) or {}
local stop = head.stop == turn and 1 or 0
return {'ok', head.index, stop, head.cold, parts_json(), redis.call('LRANGE', STEPS, 0, -1), turns}
