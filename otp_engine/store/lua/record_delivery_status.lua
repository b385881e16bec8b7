-- record_delivery_status: store the status of a delivery, as its provider reports it.
--
-- Reports arrive late, twice and in any order. A status replaces one of a lower rank
-- only, so a message that has arrived is never undelivered again. A report can also
-- arrive before track_delivery.lua has stored its delivery.
--
-- KEYS[1]  otp:{verification}:deliveries  hash; keys.py lists its fields
-- ARGV[1]  the delivery: the last 16 digits of its id
-- ARGV[2]  the rank of the status
-- ARGV[3]  the status
-- ARGV[4]  milliseconds that the status is stored for
--
-- returns  {new, before, record, ms, plan}
--          new     1 if the status was stored, 0 if an equal or a higher rank is
--          before  the status that was stored before, such as '1 sent'; empty without one
--          record  the record of the delivery; empty if it is not stored
--          ms      milliseconds since the hand-over; -1 if the delivery is not stored
--          plan    1 if the delivery has a fallback that was not used, else 0
--
-- TTL: a new status extends that of the deliveries to ARGV[4].

local key, id = KEYS[1], ARGV[1]
local stored = redis.call('HMGET', key, id, id .. STATUS, id .. SENT_AT, id .. PLAN)
local record, before, sent_at, plan = unpack(stored)
local is_new = tonumber(ARGV[2]) > rank_of(before)
if is_new then
    local status = ARGV[2] .. ' ' .. ARGV[3]
    redis.call('HSET', key, id .. STATUS, status)
    extend_deliveries(key, tonumber(ARGV[4]))
    if plan and has_arrived(status) then
        redis.call('HDEL', key, id .. PLAN)
        plan = false
    end
end
return {
    is_new and 1 or 0, before or '', record or '', sent_at and now() - sent_at or -1,
    plan and 1 or 0
}
