-- What readers hold of the running step of a turn. Reads only.
-- Arguments: epoch, turn.
-- Returns: step, attempt, index, parts; nothing if the log does not know them for sure.
local is_running = not head.lost and args.epoch == head.epoch and args.turn == head.turn and head.turn > 0
if not (is_running and are_parts_exact()) then return {} end
return {head.step, head.held, head.index, parts_json()}
