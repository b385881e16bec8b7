-- note: remember a send of a verification, and say all that is known of it.
--
-- Writing and reading are one step, so that the answer to each of two simultaneous
-- sends names its own.
--
-- KEYS[1]  otp:{id}:record   hash: service, number, channel, bound, and a
--                             field a send
-- ARGV[1]  the send's token, 8 bytes
-- ARGV[2]  life of a code in milliseconds
-- ARGV[3]  sid of the service
-- ARGV[4]  the number, encrypted
-- ARGV[5]  the channel
-- ARGV[6]  1 if only its sid can check the verification, else 0
--
-- returns  {field, value, ...}   all of the record; times are milliseconds since 1970
--
-- TTL: at least as long as a code from now, which is a little longer than the
-- verification that it is about.

local record, token, life = KEYS[1], ARGV[1], tonumber(ARGV[2])
local at = string.format('%.0f', now())

redis.call('HSETNX', record, token, at .. ' ' .. ARGV[5])
redis.call('HSET', record, 'service', ARGV[3], 'number', ARGV[4], 'channel', ARGV[5])
if ARGV[6] == '1' then
    redis.call('HSET', record, 'bound', '1')
end
if redis.call('PTTL', record) < life then
    redis.call('PEXPIRE', record, life)
end
return redis.call('HGETALL', record)
