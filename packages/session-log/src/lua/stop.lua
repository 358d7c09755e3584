-- Asks the running attempt of turn ARGV 4 to stop. Kept even where the head is lost: the attempt will be back.
redis.call('HSET', HEAD, 'stop', ARGV[4])
redis.call('EXPIRE', HEAD, ttl)
return 'ok'
