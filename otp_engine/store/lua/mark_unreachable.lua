-- mark_unreachable: store that a channel does not reach a phone.
--
-- The reason is beside the provider's rejections, so reserve_send.lua reads both at once.
--
-- KEYS[1]  otp:{phone}:provider_rejections
--                   hash: by channel and sender, the time at which a provider's rejection
--                   of this phone expires (ms, decimal), and its reason; and likewise by
--                   channel, why the channel does not reach it
-- ARGV[1]  the channel
-- ARGV[2]  the reason
-- ARGV[3]  milliseconds to store it
--
-- returns  1
--
-- TTL: the key expires with the last of its fields.

local expires = string.format('%.0f', now() + ARGV[3])
redis.call('HSET', KEYS[1], UNREACHABLE .. ARGV[1], expires .. ' ' .. ARGV[2])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return 1
