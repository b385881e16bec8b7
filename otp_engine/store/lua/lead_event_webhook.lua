-- lead_event_webhook: take or keep the lead of the event webhook, and read its position.
--
-- One worker of all instances posts the events, in their order. It keeps the lead as
-- long as it calls this script again before its lease ends. In the first call of all there is no
-- position: it starts at the end of the stream, so no old event is posted.
--
-- KEYS[1]  otp:{events}                     stream
-- KEYS[2]  otp:{events}:webhook             hash: position
-- KEYS[3]  otp:{events}:webhook:lease       string: the token of the worker
-- KEYS[4]  otp:{events}:webhook:next_looks  zset: verifications, by time in ms
-- ARGV[1]  token of the worker
-- ARGV[2]  length of the lease in milliseconds
-- ARGV[3]  lifetime of the position in milliseconds
-- ARGV[4]  milliseconds that a time must have passed
-- ARGV[5]  largest number of verifications
--
-- returns  {}                        another worker has the lead
--          {ms, position, oldest, id, ...}
--                                    the time in ms since 1970; the id of the last entry
--                                    that was posted; the id of the oldest entry, empty
--                                    without one; the ids of the verifications with a
--                                    time that has passed
--
-- TTL: the lease expires after its length; a new position after its lifetime.

local stream, webhook, lease, next_looks = unpack(KEYS)
local token = ARGV[1]
if (redis.call('GET', lease) or token) ~= token then
    return {}
end
redis.call('SET', lease, token, 'PX', ARGV[2])
local at = now()
local position = redis.call('HGET', webhook, 'position')
if not position then
    local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
    position = last and last[1] or '0-0'
    redis.call('HSET', webhook, 'position', position)
    redis.call('PEXPIRE', webhook, ARGV[3])
end
local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
local due = redis.call(
    'ZRANGE', next_looks, '-inf', at - ARGV[4], 'BYSCORE', 'LIMIT', 0, ARGV[5]
)
return {at, position, oldest and oldest[1] or '', unpack(due)}
