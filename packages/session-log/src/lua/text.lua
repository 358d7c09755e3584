-- Appends a `delta` or a `rewind` of the running turn.
-- ARGV 5…: delta | rewind, turn, step, attempt, index, text (inside of a JSON string), its length, length of earlier
-- steps' text in it (-1: as it was), body.
-- Returns: appended | duplicate | stale | gap, stop, index of the last text frame.
local rewind, turn, step, attempt = ARGV[5] == 'rewind', tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local index, length, base = tonumber(ARGV[9]), tonumber(ARGV[11]), tonumber(ARGV[12])

local function judge()
  if outdated or turn <= head.ended or turn < head.turn then return 'stale' end
  if turn > head.turn then return rewind and 'appended' or 'gap' end
  local order = compare_fence(step, attempt)
  if order < 0 then return 'stale' end
  if order == 0 and index <= head.index then return 'duplicate' end
  if rewind then return index > head.index and 'appended' or 'gap' end
  -- A higher fence that this log never saw taken: it lost `begin`, and what it holds may be another attempt's text
  -- even where the index fits.
  return order == 0 and index == head.index + 1 and 'appended' or 'gap'
end

local outcome = judge()
if outcome == 'appended' then
  bury()
  if turn ~= head.turn then
    lose()
    run_turn(turn)
    redis.call('HSET', HEAD, 'inputs', '[]')
  end
  append(ARGV[13])
  if rewind then
    redis.call('SET', TEXT, ARGV[10])
    head.length = length
    head.base = math.min(base < 0 and head.base or base, length)
  else
    redis.call('APPEND', TEXT, ARGV[10])
    head.length = head.length + length
  end
  head.step, head.attempt, head.index = step, attempt, index
  save()
end
return {outcome, head.stop == turn and 1 or 0, turn == head.turn and head.index or 0}
