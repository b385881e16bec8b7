-- record_delivery_status: store the status of a delivery, as its provider reports it.
--
-- Reports arrive late, twice and in any order. A status replaces one of a lower rank
-- only, so a message that has arrived is never undelivered again. A report can also
-- arrive before track_delivery.lua has stored its delivery.
--
-- Only the provider of a message reports on it: a report of another one changes
-- nothing, and has the reply of a delivery that is not stored.
--
-- KEYS[1]  otp:{verification}:deliveries  hash; keys.py lists its fields
-- ARGV[1]  the delivery: the last 16 digits of its id
-- ARGV[2]  the rank of the status
-- ARGV[3]  the status
-- ARGV[4]  the provider that reports
-- ARGV[5]  milliseconds that the status is stored for
-- ARGV[6]  the same, if the delivery is not stored
--
-- returns  {new, before, record, ms, plan}
--          new     1 if the status was stored, 0 if an equal or a higher rank is
--          before  the status that was stored before, such as '1 sent twilio'; empty
--                  without one
--          record  the record of the delivery; empty if it is not stored
--          ms      milliseconds since the hand-over; -1 if the delivery is not stored
--          plan    1 if the delivery has a fallback that was not used, else 0
--
-- TTL: a new status extends that of the deliveries to ARGV[5] or ARGV[6].

local key, id, provider = KEYS[1], ARGV[1], ARGV[4]
local stored = redis.call('HMGET', key, id, id .. STATUS, id .. SENT_AT, id .. PLAN)
local record, before, sent_at, plan = unpack(stored)
if record and cjson.decode(record).provider ~= provider then
    return {0, '', '', -1, 0}
end
local is_new = tonumber(ARGV[2]) > rank_of(before)
if is_new then
    local status = ARGV[2] .. ' ' .. ARGV[3] .. ' ' .. provider
    redis.call('HSET', key, id .. STATUS, status)
    extend_deliveries(key, tonumber(record and ARGV[5] or ARGV[6]))
    if plan and has_arrived(status) then
        redis.call('HDEL', key, id .. PLAN)
        plan = false
    end
end
return {
    is_new and 1 or 0, before or '', record or '', sent_at and now() - sent_at or -1,
    plan and 1 or 0
}
