-- release_send: release a reserved send, and delete its code if it was committed.
--
-- The phone's log, the verification and its end change in one step. A released send
-- does not keep a verification alive, and leaves no code that was never sent.
--
-- KEYS[1]  otp:{phone}:verification   hash
-- KEYS[2]  otp:{phone}:sends          zset
-- KEYS[3]  otp:{phone}:sends:shadow   zset
-- KEYS[4]  otp:{phone}:provider_rejections
--                                     hash: by sender, the time at which a provider's
--                                     rejection of this phone expires (ms, decimal),
--                                     and its reason
-- KEYS[5]  otp:{phone}:proven         string: messages that a proven phone may have
-- ARGV[1]  idempotency key of the send, 8 bytes
-- ARGV[2]  why a provider rejected this phone; empty for any other reason
-- ARGV[3]  milliseconds to store the provider's rejection
-- ARGV[4]  the sender: field of KEYS[4]
--
-- returns  1  released
--          0  there was nothing to release
--
-- TTL: the verification ends with its last code; it is deleted when it has no send.
-- The provider's rejections expire with the last of them.

local verification, key = KEYS[1], ARGV[1]

if ARGV[2] ~= '' then
    local expires = string.format('%.0f', now() + ARGV[3])
    redis.call('HSET', KEYS[4], ARGV[4], expires .. ' ' .. ARGV[2])
    -- The rejection of another sender may be stored for longer.
    if redis.call('PTTL', KEYS[4]) < tonumber(ARGV[3]) then
        redis.call('PEXPIRE', KEYS[4], ARGV[3])
    end
end
redis.call('ZREM', KEYS[2], key)
redis.call('ZREM', KEYS[3], key)
if redis.call('HDEL', verification, key) == 0 then
    return 0
end
redis.call('HDEL', verification, channel_field(key), fallback_field(key))
-- Without the key the phone is proven no more, and INCR would make one without an expiry.
if redis.call('HDEL', verification, 'p' .. key) == 1
    and redis.call('EXISTS', KEYS[5]) == 1
then
    redis.call('INCR', KEYS[5])
end

local live = read_verification(verification, now())
if #live.sends == 0 then
    redis.call('DEL', verification)
elseif #live.sends == live.committed then
    redis.call('PEXPIREAT', verification, string.format('%.0f', live.last_end))
end
return 1
