-- An attempt takes the fence. Appends `turn.started` unless the log has it.
-- Arguments: turn, step, attempt, seq (the writer's last), version, contextTurns, producers (most to remember).
-- ARGV 2…: body, agent, origin, inputs, replaces (''), then producer, seq, producer, seq …: what the turn applied.
-- Returns: ok | stale, index, stop, cold, the step's parts, the steps before it, the newest committed turns.
local turn, step, attempt, version = args.turn, args.step, args.attempt, args.version

local known = turn == head.turn
local order = known and compare_fence(step, attempt) or 1
if outdated or turn <= head.ended or turn < head.turn or order < 0 then return {'stale', 0, 0, 1, '[]', {}, {}} end
drop_old_keys()
recheck_keys(true)
local started = version > head.version
-- The log lost something if versions are missing, if it does not know a turn that began at a version it has, or if it does not know
-- that the step before this one has ended.
local is_known_step = step == (known and head.step or 1)
if version > head.version + 1 or not (known or started) or not is_known_step then
  mark_cold()
elseif head.lost and head.id ~= '0' then
  resync()
end
if started then
  append(ARGV[2])
  head.version, head.sum = version, ''
end
-- A `rewind` may have brought the turn back before this start. Then its parts stay: readers, who were sent to a snapshot, find
-- them there.
if not known then run_turn(turn) end
-- Not on later attempts: inputs may have joined the turn by then.
if started or not known then
  redis.call(
    'HSET', HEAD, 'agent', ARGV[3], 'origin', ARGV[4], 'inputs', ARGV[5], 'replaces', ARGV[6], 'questions', '[]'
  )
  apply_marks(7)
end
if step > head.step then run_step(step) end
-- Writes of this same writer may have come before its repeated `begin`: the higher number counts.
head.seq = order == 0 and math.max(head.seq, args.seq) or args.seq
-- The answer tells the writer what readers hold.
head.attempt, head.torn = attempt, 0
save()

local turns = args.contextTurns > 0 and redis.call('LRANGE', TURNS, -args.contextTurns, -1) or {}
local stop = head.stop == turn and 1 or 0
return {'ok', head.index, stop, head.cold, parts_json(), redis.call('LRANGE', STEPS, 0, -1), turns}
