-- acquire_hits: count one event against every shared limit, or against none.
--
-- A request that its third limit refuses must not use up the first two. So the script
-- reads all of them before it writes, in one step.
--
-- KEYS[i]    otp:{shared}:<limit>[:<identifier>]   zset: one member an event
-- ARGV[1]    idempotency key of the event, 8 bytes
-- ARGV[i+1]  limit i; with the prefix "shadow" it is in shadow mode and refuses nothing
--
-- returns  {'acquired', {over, used, ms, used, ms, ...}, ...}
--                               accepted, and counted by every enforced limit; for each
--                               limit 1 if it is in shadow mode and would refuse, else
--                               0; and for each of its windows the events in it, and
--                               ms until it accepts one more
--          {'refused', i, ms}   by limit i for another ms, the longest of all that
--                               refuse; counted by none
--
-- TTL: each log expires after its longest window.

local key = ARGV[1]
local at = now()

local function in_shadow(limit)
    return string.sub(limit, 1, 6) == 'shadow'
end

local function acquire(time, repeated)
    local reply = {'acquired'}
    for i, log in ipairs(KEYS) do
        local limit, over = ARGV[i + 1], 0
        if in_shadow(limit) then
            over = check_shadow(log, limit, key, time, repeated)
        else
            append(log, limit, key, time)
        end
        reply[i + 1] = {over, unpack(usage(log, limit, at))}
    end
    return reply
end

for _, log in ipairs(KEYS) do
    local before = redis.call('ZSCORE', log, key)
    if before then
        -- The write is repeated, so that the WAIT after it covers it.
        return acquire(before, true)
    end
end

local refused, longest = 0, 0
for i, log in ipairs(KEYS) do
    local milliseconds = retry_after(log, ARGV[i + 1], at)
    if milliseconds > longest and not in_shadow(ARGV[i + 1]) then
        refused, longest = i, milliseconds
    end
end
if refused > 0 then
    return {'refused', refused, longest}
end
return acquire(at, false)
