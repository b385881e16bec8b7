-- standing: report whether a phone is in use under one pepper.
--
-- One step, so that both numbers belong to the same moment.
--
-- KEYS[1]  otp:{phone}:verification   hash
-- KEYS[2]  otp:{phone}:sends          zset: one member a message, of every service
-- KEYS[3]  otp:{phone}:failures       zset: one member a failed check
-- ARGV[1]  life of a code in milliseconds
--
-- returns  {live, failures}   live is 1 if a verification of any service can be alive;
--                             failures is the number of failed checks stored
--
-- TTL: never touched.

local live = redis.call('EXISTS', KEYS[1])
if redis.call('ZCOUNT', KEYS[2], '(' .. (now() - ARGV[1]), '+inf') > 0 then
    live = 1
end
return {live, redis.call('ZCARD', KEYS[3])}
