-- commit_send: store the hash of the code that a reserved send carries.
--
-- The script checks the reservation and writes the hash in one step, so no code is
-- stored for a verification that was approved or canceled in between. A later step of
-- the route stores the same code again, with its channel.
--
-- KEYS[1]  otp:{phone}:verification   hash
-- ARGV[1]  idempotency key of the send, 8 bytes
-- ARGV[2]  the code's hash, 32 bytes
-- ARGV[3]  time at which the code expires, as reserve_send.lua returned it
-- ARGV[4]  1 if the pumping guard has counted the message, else 0
-- ARGV[5]  the channel of the message; empty for SMS, unless the code was stored before
--          with another channel
--
-- returns  1  stored; the message may be sent
--          0  the reservation is gone; nothing may be sent
--
-- TTL: unchanged; reserve_send.lua has extended it to the end of this code.

-- HSET replies whether it has added the field, so it also looks the reservation up.
local counted = ARGV[4] == '1' and COUNTED or ''
if redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ARGV[3] .. counted) ~= 0 then
    redis.call('HDEL', KEYS[1], ARGV[1])
    return 0
end
if ARGV[5] ~= '' then
    redis.call('HSET', KEYS[1], channel_field(ARGV[1]), ARGV[5])
end
return 1
