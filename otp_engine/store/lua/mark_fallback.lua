-- mark_fallback: mark a fallback as used, just before its message is handed over.
--
-- The plan is deleted in this step, so of all who have claimed the fallback exactly one
-- hands a message over, and none does after a crash at this point. The mark has the key
-- of its caller: if the reply is lost and the call repeated, the reply is the same.
--
-- KEYS[1]  otp:{verification}:deliveries  hash; keys.py lists its fields
-- ARGV[1]  the delivery: the last 16 digits of its id
-- ARGV[2]  idempotency key of the mark, 8 bytes
--
-- returns  1  the message may be handed over
--          0  the fallback was used or ended, or the first message has arrived
--
-- TTL: unchanged.

local key, id = KEYS[1], ARGV[1]
local arrived = has_arrived(redis.call('HGET', key, id .. STATUS))
if redis.call('HDEL', key, id .. PLAN) == 1 then
    redis.call('HSET', key, id .. MARK, ARGV[2])
end
if arrived or redis.call('HGET', key, id .. MARK) ~= ARGV[2] then
    return 0
end
-- Also for a repeated call, so that the WAIT after it covers a write.
redis.call('HSET', key, id .. MARK, ARGV[2])
return 1
