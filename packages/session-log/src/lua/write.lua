-- Appends a `delta`, a `part` or a `rewind` of the running step.
-- Arguments: type, turn, step, attempt, seq (the writer's number of this write), at (of all but a rewind), begins (of a delta, or '').
-- ARGV 2…: opening and text of the part that grows from now on ('' if none does), then the JSON of other parts: of the one that is
-- placed, or of a rewind all before the last. A delta to the last part has no opening.
-- Returns: appended | duplicate | stale | gap, stop, index of the turn's last growing frame.
local kind, turn, step, attempt, seq, at = args.type, args.turn, args.step, args.attempt, args.seq, args.at
local opening, text, json = ARGV[2], ARGV[3], ARGV[4]
local rewinds = kind == 'rewind'

-- Whether the parts that readers hold have a place for it. Only the last part grows here.
local function fits()
  local count = count_parts()
  if kind == 'part' then return at <= count end
  if opening ~= '' then return at == count end
  return at == count - 1 and head.opening ~= ''
end

local function judge()
  if outdated or turn <= head.ended or turn < head.turn then return 'stale' end
  if turn > head.turn then return rewinds and 'appended' or 'gap' end
  local order = compare_fence(step, attempt)
  if order < 0 then return 'stale' end
  if order == 0 and seq <= head.seq then return 'duplicate' end
  if rewinds then return 'appended' end
  -- If the fence is higher, this log lost the `begin` that took it: its parts may be another attempt's.
  return order == 0 and seq == head.seq + 1 and fits() and 'appended' or 'gap'
end

-- The frame's JSON; `rest`: its content.
local function frame(rest)
  return '{"type":"' .. kind .. '","turn":' .. digits(turn) .. ',"step":' .. digits(step) .. ',"attempt":' .. digits(attempt)
    .. ',"index":' .. digits(head.index) .. (at and ',"at":' .. digits(at) or '') .. rest .. '}'
end

local function add_delta()
  if opening == '' then
    if head.textBytes == 0 then made[TEXT] = true end
    redis.call('APPEND', TEXT, text)
    head.textBytes = head.textBytes + #text
  else
    add_part(opening, text)
  end
  append(frame((opening == '' and '' or ',"begins":"' .. args.begins .. '"') .. ',"text":"' .. text .. '"'))
end

local function place_part()
  local whole = opening == '' and json or opening .. text .. '"}'
  local last = count_parts() - 1
  if at < last then
    local before = redis.call('LINDEX', PARTS, at)
    redis.call('LSET', PARTS, at, whole)
    head.partBytes = head.partBytes - #before + #whole
  else
    if at == last and head.opening ~= '' then
      head.opening = ''
      set_text('')
    elseif at == last then
      local before = redis.call('RPOP', PARTS)
      head.parts, head.partBytes = head.parts - 1, head.partBytes - #before
    end
    add_part(opening, text, json)
  end
  append(frame(',"part":' .. whole))
end

local function rewind()
  clear_parts()
  for i = 4, #ARGV do push(PARTS, 'parts', 'partBytes', ARGV[i]) end
  if opening ~= '' then add_part(opening, text) end
  append(frame(',"parts":' .. parts_json()))
end

local outcome = judge()
if outcome == 'appended' then
  drop_old_keys()
  recheck_keys()
  if head.torn == 1 and not rewinds then
    -- The parts before it are gone. The writer has to bring all of them (`rewind`), or to ask what is left (`begin`).
    outcome = 'gap'
    save()
  end
end
if outcome == 'appended' then
  local is_same_turn = turn == head.turn
  -- The log lacks the turn's beginning, or the end of the step before: no reader can go on.
  if not is_same_turn or step > head.step then mark_cold() end
  if not is_same_turn then
    run_turn(turn)
    redis.call('HSET', HEAD, 'agent', '""', 'origin', '"user"', 'inputs', '[]', 'replaces', '', 'questions', '[]')
  end
  if step ~= head.step then run_step(step) end
  head.index = head.index + 1
  if rewinds then rewind() elseif kind == 'part' then place_part() else add_delta() end
  head.attempt, head.held, head.seq, head.torn = attempt, attempt, seq, 0
  save()
end
return {outcome, head.stop == turn and 1 or 0, turn == head.turn and head.index or 0}
