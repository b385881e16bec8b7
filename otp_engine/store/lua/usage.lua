-- usage: say how far limits are used, and when each has room again.
--
-- One step, so that all the counts are of the same moment. Nothing is counted by it.
--
-- KEYS[n]  a log, each a zset
-- ARGV[n]  its limit
--
-- returns  {{used, ms, used, ms, ...}, ...}   for each log, and each window of its
--                                             limit in their order: events in the
--                                             window, and milliseconds until one more
--                                             is let through, 0 if it is at once
--
-- TTL: never touched.

local at = now()
local said = {}
for n, log in ipairs(KEYS) do
    said[n] = uses(log, ARGV[n], at)
end
return said
