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
local logs = read_shared_logs(1, 4, at)
local refused, longest = find_refusing_log(logs)
-- Only a repeated request can be in a log, so no other request needs to look.
local repeated = refused > 0 and is_in_log(logs, key)
if refused > 0 and not repeated then
    return {'refused', at, refused, longest}
end

local reply = {'acquired', at}
append_to_logs(logs, key, repeated, reply)
pack_large_logs(logs, tonumber(ARGV[2]), tonumber(ARGV[3]))
return reply
