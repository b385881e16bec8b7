-- phone_state: return whether a phone is in use under one pepper.
--
-- One step, so that both numbers are of the same time.
--
-- KEYS[1]  otp:{phone}:verification   hash
-- KEYS[2]  otp:{phone}:sends          zset: one member a message, of every service
-- KEYS[3]  otp:{phone}:consecutive_failures
--                                     zset: one member a failed check
-- ARGV[1]  lifetime of a code in milliseconds
--
-- returns  {live, failures}   live is 1 if a verification of any service can be live;
--                             failures is the number of stored failed checks
--
-- TTL: unchanged.

local live = redis.call('EXISTS', KEYS[1])
if redis.call('ZCOUNT', KEYS[2], '(' .. (now() - ARGV[1]), '+inf') > 0 then
    live = 1
end
return {live, redis.call('ZCARD', KEYS[3])}
