-- Asks the running attempt of a turn to stop. The request is kept even where the head is lost: the attempt writes again.
-- Arguments: turn.
if outdated then return 'ok' end
drop_old_keys()
head.stop = args.turn
if head.lost and head.id == '0' then
  redis.call('HSET', HEAD, 'stop', digits(head.stop), 'epoch', digits(head.epoch))
  redis.call('EXPIRE', HEAD, digits(args.ttl))
  return 'ok'
end
if head.lost then mark_cold() end
save()
return 'ok'
