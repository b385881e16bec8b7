-- limit_usage: return how far limits are used, and when each accepts more.
--
-- One step, so that all counts are of the same time. The script counts nothing.
--
-- KEYS[n]  a log, each a zset
-- ARGV[n]  its limit
--
-- returns  {{used, ms, used, ms, ...}, ...}   for each log, and for each window of its
--                                             limit in order: the events in it, and ms
--                                             until it accepts one more, 0 if it does
--                                             now
--
-- TTL: unchanged.

local at = now()
local reply = {}
for n, name in ipairs(KEYS) do
    reply[n] = usage(read_log(name, ARGV[n], at))
end
return reply
