-- Asks the running attempt of turn ARGV 5 to stop. Kept even where the head is lost: the attempt will be back.
if outdated then return 'ok' end
if head.lost and head.id ~= '0' then
  bury()
  lose()
  save()
end
redis.call('HSET', HEAD, 'stop', ARGV[5], 'incarnation', ARGV[4])
-- All keys alike: a head that outlived the turns would tell of a session without any.
for i = 1, 6 do redis.call('EXPIRE', KEYS[i], ttl) end
return 'ok'
