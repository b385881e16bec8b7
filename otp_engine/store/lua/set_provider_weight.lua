-- set_provider_weight: change the weight of a step, unless it has changed since it was
-- read.
--
-- Each worker decides on the same counts, and only one of them makes a change.
--
-- KEYS[1]  otp:{shared}:provider_health   hash
-- ARGV[1]  the step
-- ARGV[2]  the weight that was read; empty without one
-- ARGV[3]  the new weight
-- ARGV[4]  milliseconds until the hash expires without new counts
--
-- returns  1; 0 if the weight is another one by now
--
-- TTL: ARGV[4], from the step that creates the hash.

local field = 'weight ' .. ARGV[1]
if (redis.call('HGET', KEYS[1], field) or '') ~= ARGV[2] then
    return 0
end
redis.call('HSET', KEYS[1], field, ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
