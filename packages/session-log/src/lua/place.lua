-- The head's numbers. Returns: id of the last frame, epoch, version, cold, the running turn, index of its last growing frame.
if head.lost then return {head.id, 0, 0, 1, 0, 0} end
return {head.id, head.epoch, head.version, head.cold, head.turn, head.index}
