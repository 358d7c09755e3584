-- Where the log stands. Returns: id of the last frame, incarnation, version, cold, the running turn.
if head.lost then return {head.id, 0, 0, 1, 0} end
return {head.id, head.incarnation, head.version, head.cold, head.turn}
