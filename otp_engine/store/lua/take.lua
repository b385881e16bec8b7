-- take: let one event through every shared limit, or through none of them.
--
-- A request refused by its third limit must not have used up the first two, so all
-- of them are read before any is written, in one step.
--
-- KEYS[i]    otp:{shared}:<limit>[:<who>]   zset: one member an event
-- ARGV[1]    the event's token, 8 bytes
-- ARGV[i+1]  limit i; in shadow, and refusing nobody, if it begins with "shadow"
--
-- returns  {'taken', {over, used, ms, used, ms, ...}, ...}
--                               let through, and counted by every limit that refuses;
--                               for each limit whether it is in shadow and would have
--                               refused, and for each of its windows the events in it
--                               and milliseconds until it has room for one more
--          {'refused', i, ms}   by limit i for another ms, the longest of all that
--                               refuse; counted by none
--
-- TTL: each log lives as long as its longest window.

local token = ARGV[1]
local at = now()

local function in_shadow(limit)
    return string.sub(limit, 1, 6) == 'shadow'
end

local function taken(when, repeated)
    local said = {'taken'}
    for i, log in ipairs(KEYS) do
        local limit, over = ARGV[i + 1], 0
        if in_shadow(limit) then
            over = overshadow(log, limit, token, when, repeated)
        else
            record(log, limit, token, when)
        end
        said[i + 1] = {over, unpack(uses(log, limit, at))}
    end
    return said
end

for i, log in ipairs(KEYS) do
    local before = redis.call('ZSCORE', log, token)
    if before then
        -- Written again, so that a WAIT behind it waits for replicas to have it.
        return taken(before, true)
    end
end

local refused, longest = 0, 0
for i, log in ipairs(KEYS) do
    local milliseconds = wait(log, ARGV[i + 1], at)
    if milliseconds > longest and not in_shadow(ARGV[i + 1]) then
        refused, longest = i, milliseconds
    end
end
if refused > 0 then
    return {'refused', refused, longest}
end
return taken(at, false)
