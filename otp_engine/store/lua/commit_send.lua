-- commit_send: store the hash of the code that a reserved send carries.
--
-- The script checks the reservation and writes the hash in one step, so no code is
-- stored for a verification that was approved or canceled in between.
--
-- KEYS[1]  otp:{phone}:verification   hash
-- ARGV[1]  idempotency key of the send, 8 bytes
-- ARGV[2]  the code's hash, 32 bytes
-- ARGV[3]  lifetime of the code in milliseconds
--
-- returns  1  stored; the message may be sent
--          0  the reservation is gone; nothing may be sent
--
-- TTL: extended to the end of this code if that is later, and never shortened, because
-- earlier codes live until their own ends.

local key, ttl = ARGV[1], tonumber(ARGV[3])

if redis.call('HEXISTS', KEYS[1], key) == 0 then
    return 0
end

redis.call('HSET', KEYS[1], key, ARGV[2] .. string.format('%.0f', now() + ttl))
if redis.call('PTTL', KEYS[1]) < ttl then
    redis.call('PEXPIRE', KEYS[1], ttl)
end
return 1
