-- Appends a `delta` or a `rewind` of the running turn.
-- ARGV 7…: delta | rewind, turn, step, attempt, index, text (inside of a JSON string), its length, length of earlier
-- steps' text in it (-1: as it was), body.
-- Returns: appended | duplicate | stale | gap, stop, index of the last text frame.
local rewind, turn, step, attempt = ARGV[7] == 'rewind', tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local index, length, base = tonumber(ARGV[11]), tonumber(ARGV[13]), tonumber(ARGV[14])

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
  mend()
  if head.torn == 1 and not rewind then
    -- What it would be added to is gone: a `rewind` brings all of it, and `begin` tells what is left.
    outcome = 'gap'
    save()
  end
end
if outcome == 'appended' then
  if turn ~= head.turn then
    lose()
    run_turn(turn)
    redis.call('HSET', HEAD, 'inputs', '[]')
  end
  append(ARGV[15])
  if rewind then
    set_text(ARGV[12], length)
    head.base = math.min(base < 0 and head.base or base, length)
    head.torn = 0
  else
    redis.call('APPEND', TEXT, ARGV[12])
    head.textBytes, head.length = head.textBytes + #ARGV[12], head.length + length
  end
  head.step, head.attempt, head.index = step, attempt, index
  save()
end
return {outcome, head.stop == turn and 1 or 0, turn == head.turn and head.index or 0}
