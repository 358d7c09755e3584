-- Appends a notice. One for a log that is not there would only tell readers of the loss, which what comes next tells them.
-- ARGV 2: the frame.
-- Returns: appended | stale | gap.
if outdated then return 'stale' end
if head.lost then return 'gap' end
append(ARGV[2])
save()
return 'appended'
