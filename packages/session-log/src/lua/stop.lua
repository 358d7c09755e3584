-- Asks the running attempt of turn ARGV 7 to stop. Kept even where the head is lost: the attempt will be back.
if outdated then return 'ok' end
bury()
if head.lost and head.id ~= '0' then
  lose()
  save()
end
redis.call('HSET', HEAD, 'stop', ARGV[7], 'epoch', ARGV[6])
-- All keys alike: a head that outlived the turns would tell of a session without any.
for i = 2, 6 do redis.call('EXPIRE', KEYS[i], ttl) end
return 'ok'
