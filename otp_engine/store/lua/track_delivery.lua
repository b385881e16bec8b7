-- track_delivery: store a message that was handed to a provider.
--
-- A report can arrive before this, and then its status is stored already. That of
-- another provider is deleted: only the provider of a message reports on it. A delivery
-- is stored once: a repetition must not restore a plan that was used. The recipient
-- needs one message only, so the fallbacks of earlier deliveries end: this delivery has
-- its own, or the client has chosen its channel.
--
-- KEYS[1]  otp:{verification}:deliveries  hash; keys.py lists its fields
-- ARGV[1]  the delivery: the last 16 digits of its id
-- ARGV[2]  its record
-- ARGV[3]  the encrypted plan of its fallback; empty without one
-- ARGV[4]  time at which the code expires (ms since 1970)
-- ARGV[5]  its provider
--
-- returns  the status that is stored already, as record_delivery_status.lua writes it;
--          empty without one
--
-- TTL: the deliveries expire no earlier than this code.

local key, id, at = KEYS[1], ARGV[1], now()
local status = redis.call('HGET', key, id .. STATUS) or ''
if status ~= '' and provider_of(status) ~= ARGV[5] then
    redis.call('HDEL', key, id .. STATUS)
    status = ''
end
if redis.call('HSETNX', key, id, ARGV[2]) == 1 then
    local entries = redis.call('HGETALL', key)
    for i = 1, #entries, 2 do
        if string.sub(entries[i], -#PLAN) == PLAN then
            redis.call('HDEL', key, entries[i])
        end
    end
    redis.call('HSET', key, id .. SENT_AT, at)
    if ARGV[3] ~= '' and not has_arrived(status) then
        redis.call('HSET', key, id .. PLAN, ARGV[3], id .. EXPIRES_AT, ARGV[4])
    end
end
extend_deliveries(key, tonumber(ARGV[4]) - at)
return status
