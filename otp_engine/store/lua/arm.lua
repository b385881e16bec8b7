-- arm: keep the hash of the code that a reserved send will carry.
--
-- Checking that the reservation still stands and writing the hash are one step, so a
-- code is never kept for a verification that was approved or cancelled in between.
--
-- KEYS[1]  otp:{phone}:verification   hash
-- ARGV[1]  the send's token, 8 bytes
-- ARGV[2]  the code's hash, 32 bytes
-- ARGV[3]  life of the code in milliseconds
--
-- returns  1  kept; the message may leave
--          0  the reservation is gone; nothing may be sent
--
-- TTL: lengthened to the end of this code if that is later, and never shortened, for
-- codes sent before it live until their own ends.

local token, life = ARGV[1], tonumber(ARGV[3])

if redis.call('HEXISTS', KEYS[1], token) == 0 then
    return 0
end

redis.call('HSET', KEYS[1], token, ARGV[2] .. string.format('%.0f', now() + life))
if redis.call('PTTL', KEYS[1]) < life then
    redis.call('PEXPIRE', KEYS[1], life)
end
return 1
