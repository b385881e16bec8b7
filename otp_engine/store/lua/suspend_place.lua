-- suspend_place: refuse messages to a place until a time, as an operator requests.
--
-- One step, so that messages of the same moment stay counted. The suspension is no trip:
-- it does not double, and messages afterwards are counted as before.
--
-- KEYS[1]  otp:{shared}:guard   hash
-- ARGV[1]  name of the place
-- ARGV[2]  its level: block, network or country
-- ARGV[3]  the end, in ms since 1970
--
-- returns  1
--
-- TTL: the hash expires 31 days later.

local at = now()
local place = read_place(redis.call('HGET', KEYS[1], ARGV[1]), ARGV[2], at)
place.until_, place.trips = tonumber(ARGV[3]), 0
redis.call('HSET', KEYS[1], ARGV[1], format_place(place))
redis.call('PEXPIRE', KEYS[1], GUARD_TTL)
return 1
