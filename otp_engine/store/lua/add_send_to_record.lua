-- add_send_to_record: store a send of a verification, and return its whole record.
--
-- The script writes and reads in one step, so each of two simultaneous sends gets a
-- reply that contains its own.
--
-- An earlier release knows SMS only, and reads the fields that it knows. So another
-- channel is in fields of its own: last_channel, and one for each send.
--
-- KEYS[1]  otp:{id}:record   hash: service, number, channel, last_channel, bound, and
--                            one or two fields a send
-- ARGV[1]  idempotency key of the send, 8 bytes
-- ARGV[2]  lifetime of a code in milliseconds
-- ARGV[3]  SID of the service
-- ARGV[4]  the number, encrypted
-- ARGV[5]  the channel
-- ARGV[6]  1 if the verification can be checked by its SID only, else 0
--
-- returns  {field, value, ...}   the whole record; times are milliseconds since 1970
--
-- TTL: at least as long as a code from now, so it expires a little later than the
-- verification.

local record, key, ttl = KEYS[1], ARGV[1], tonumber(ARGV[2])
local at = string.format('%.0f', now())

redis.call('HSETNX', record, key, at .. ' ' .. SMS)
redis.call('HSET', record, 'service', ARGV[3], 'number', ARGV[4], 'channel', SMS)
redis.call('HSET', record, 'last_channel', ARGV[5])
if ARGV[5] ~= SMS then
    redis.call('HSET', record, channel_field(key), ARGV[5])
end
if ARGV[6] == '1' then
    redis.call('HSET', record, 'bound', '1')
end
if redis.call('PTTL', record) < ttl then
    redis.call('PEXPIRE', record, ttl)
end
return redis.call('HGETALL', record)
