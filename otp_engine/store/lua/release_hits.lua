-- release_hits: remove an event that acquire_hits.lua counted.
--
-- One step, so that an event is counted by all of its limits or by none.
--
-- KEYS[i]  otp:{shared}:<limit>[:<identifier>]   zset: one member an event
-- ARGV[1]  idempotency key of the event, 8 bytes
--
-- returns  how many limits had counted it
--
-- TTL: unchanged, and no key is created.

local released = 0
for _, log in ipairs(KEYS) do
    released = released + redis.call('ZREM', log, ARGV[1])
end
return released
