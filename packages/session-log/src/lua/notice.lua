-- Appends a notice. Not where the log is lost: the notice would only tell readers of the loss, and the next frame does.
-- ARGV 2: the frame.
-- Returns: appended | stale | gap.
if outdated then return 'stale' end
if head.lost then return 'gap' end
append(ARGV[2])
save()
return 'appended'
