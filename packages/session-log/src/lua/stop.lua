-- Asks the running attempt of a turn to stop. Kept even where the head is lost: the attempt will be back.
-- Arguments: turn.
if outdated then return 'ok' end
bury()
head.stop = args.turn
if head.lost and head.id == '0' then
  redis.call('HSET', HEAD, 'stop', digits(head.stop), 'epoch', digits(head.epoch))
  redis.call('EXPIRE', HEAD, digits(args.ttl))
  return 'ok'
end
if head.lost then lose() end
save()
return 'ok'
