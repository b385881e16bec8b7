-- limit_usage: return how far limits are used, and when each accepts more.
--
-- One step, so that all counts are of the same time. The script counts nothing.
--
-- KEYS[i]    a log, each a zset
-- KEYS[n+i]  its packed log; absent for the logs of phones
-- ARGV[i]    its limit, for each i up to n
--
-- returns  {{used, ms, used, ms, ...}, ...}   for each log, and for each window of its
--                                             limit in order: the events in it, and ms
--                                             until it accepts one more, 0 if it does
--                                             now
--
-- TTL: unchanged.

local at = now()
local reply = {}
for i, limit in ipairs(ARGV) do
    local packed = KEYS[#ARGV + i] and read_packed(KEYS[#ARGV + i], true)
    reply[i] = usage(read_log(KEYS[i], limit, at, true, packed))
end
return reply
