-- mark_fallback: mark a fallback as used, just before its message is handed over.
--
-- The plan is deleted in this step, so of all who have claimed the fallback exactly one
-- hands a message over, and none does after a crash at this point.
--
-- KEYS[1]  otp:{verification}:deliveries  hash; keys.py lists its fields
-- ARGV[1]  the delivery: the last 16 digits of its id
--
-- returns  1  the message may be handed over
--          0  the fallback was used or ended, or the first message has arrived
--
-- TTL: unchanged.

local key, id = KEYS[1], ARGV[1]
local arrived = has_arrived(redis.call('HGET', key, id .. STATUS))
local marked = redis.call('HDEL', key, id .. PLAN)
return arrived and 0 or marked
