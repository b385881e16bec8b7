-- read_fallback: return the plan of a fallback, while a code of its delivery could be live.
--
-- A fallback without a free provider is due again at the end of each lease. Without this
-- end it would be claimed as long as the deliveries are stored: for a day.
--
-- KEYS[1]  otp:{verification}:deliveries  hash; keys.py lists its fields
-- ARGV[1]  the delivery: the last 16 digits of its id
--
-- returns  the encrypted plan; empty if it was used or has ended, or the code has expired
--
-- TTL: unchanged.

local id = ARGV[1]
local plan, ends = unpack(redis.call('HMGET', KEYS[1], id .. PLAN, id .. EXPIRES_AT))
return plan and tonumber(ends) > now() and plan or ''
