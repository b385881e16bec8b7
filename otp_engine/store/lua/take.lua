-- take: let one event through every shared limit, or through none of them.
--
-- A request refused by its third limit must not have used up the first two, so all
-- of them are read before any is written, in one step.
--
-- KEYS[i]    otp:{shared}:<limit>[:<who>]   zset: one member an event
-- ARGV[1]    the event's token, 8 bytes
-- ARGV[i+1]  limit i
--
-- returns  {'taken', {used, ms, used, ms, ...}, ...}
--                               let through, and counted by every limit; for each limit,
--                               and each of its windows, the events in it, this one
--                               too, and milliseconds until it has room for one more
--          {'refused', i, ms}   by limit i for another ms, the longest of all that
--                               refuse; counted by none
--
-- TTL: each log lives as long as its longest window.

local token = ARGV[1]
local at = now()

local function taken(when)
    local said = {'taken'}
    for i, log in ipairs(KEYS) do
        record(log, ARGV[i + 1], token, when)
        said[i + 1] = uses(log, ARGV[i + 1], at)
    end
    return said
end

local before = redis.call('ZSCORE', KEYS[1], token)
if before then
    -- Written again, so that a WAIT behind it waits for replicas to have it.
    return taken(before)
end

local refused, longest = 0, 0
for i, log in ipairs(KEYS) do
    local milliseconds = wait(log, ARGV[i + 1], at)
    if milliseconds > longest then
        refused, longest = i, milliseconds
    end
end
if refused > 0 then
    return {'refused', refused, longest}
end
return taken(at)
