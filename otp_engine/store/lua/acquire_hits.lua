-- acquire_hits: count one event against every shared limit, or against none.
--
-- A request that its third limit refuses must not use up the first two. So the script
-- reads all of them before it writes, in one step.
--
-- KEYS[i]    otp:{shared}:<limit>[:<identifier>]   zset: one member an event
-- KEYS[n+i]  otp:{shared}:<limit>[:<identifier>]:packed
--                                                  zset: blocks of earlier events
-- ARGV[1]    idempotency key of the event, 8 bytes
-- ARGV[2]    largest count of a limit without a packed log
-- ARGV[3]    number of events in a block of a packed log
-- ARGV[i+3]  limit i of n; with the prefix "shadow" it is in shadow mode and refuses
--            nothing
--
-- returns  {'acquired', at, {over, used, ms, used, ms, ...}, ...}
--                                   accepted at that time (ms since 1970), and counted
--                                   by every enforced limit; for each limit 1 if it is
--                                   in shadow mode and would refuse, else 0; and for
--                                   each of its windows the events in it, and ms until
--                                   it accepts one more
--          {'refused', at, i, ms}   at that time by limit i for another ms, the longest
--                                   of all that refuse; counted by none
--
-- TTL: each log and each packed log expires after its longest window, or up to ten
-- minutes later.

local key = ARGV[1]
local at = now()
local count = #KEYS / 2
local packed_exist = redis.call('EXISTS', unpack(KEYS, count + 1)) > 0
local logs = {}
for i = 1, count do
    local packed = read_packed(KEYS[count + i], packed_exist)
    local log = read_log(KEYS[i], ARGV[i + 3], at, true, packed)
    log.in_shadow = string.sub(ARGV[i + 3], 1, 6) == 'shadow'
    logs[i] = log
end

-- Return whether a log contains the event.
local function is_counted()
    for _, log in ipairs(logs) do
        if redis.call('ZSCORE', log.key, key) then
            return true
        end
    end
    return false
end

local refused, longest = 0, 0
for i, log in ipairs(logs) do
    local milliseconds = log.in_shadow and 0 or retry_after(log)
    if milliseconds > longest then
        refused, longest = i, milliseconds
    end
end
-- Only a repeated request can be in a log, so no other request needs to look.
local repeated = refused > 0 and is_counted()
if refused > 0 and not repeated then
    return {'refused', at, refused, longest}
end

for _, log in ipairs(logs) do
    if not log.in_shadow and append(log, key) == 0 then
        repeated = true
    end
end
local reply = {'acquired', at}
for i, log in ipairs(logs) do
    -- Last, because the enforced limits have shown whether the request is repeated.
    local over = log.in_shadow and check_shadow(log, key, repeated) or 0
    reply[i + 2] = {over, unpack(usage(log))}
end
-- Last, because the reply is computed from the events in their old places.
for _, log in ipairs(logs) do
    if is_large(log, tonumber(ARGV[2])) then
        pack(log, tonumber(ARGV[3]))
    end
end
return reply
