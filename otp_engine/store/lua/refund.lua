-- refund: give back what take.lua charged.
--
-- One step, so that an event is never half counted.
--
-- KEYS[i]  otp:{shared}:<limit>[:<who>]   zset: one member an event
-- ARGV[1]  the event's token, 8 bytes
--
-- returns  how many limits had counted it
--
-- TTL: never touched, and no key is created.

local given_back = 0
for _, log in ipairs(KEYS) do
    given_back = given_back + redis.call('ZREM', log, ARGV[1])
end
return given_back
