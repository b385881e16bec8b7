-- acquire_destination: count one message against the pumping guard and every global
-- limit, or against none.
--
-- The script reads everything before it writes, in one step: a message that a limit
-- refuses is not counted by the guard, and simultaneous messages cannot share the last
-- one that a block may have. The order is guard, then limits.
--
-- KEYS[1]    otp:{shared}:guard         hash; lib/pumping_guard.lua lists its fields
-- KEYS[2]    otp:{shared}:charge:<key>  string: the first reply to this request
-- KEYS[2+i]  otp:{shared}:<limit>[:<identifier>]   zset: one member an event
-- KEYS[n+2+i]
--            otp:{shared}:<limit>[:<identifier>]:packed
--                                       zset: blocks of earlier events
-- ARGV[1]    idempotency key of the event, 8 bytes
-- ARGV[2]    largest count of a limit without a packed log
-- ARGV[3]    number of events in a block of a packed log
-- ARGV[4]    rules of the guard; empty for a message that it does not count
-- ARGV[5]    block, ARGV[6] network, ARGV[7] country: the places of the number
-- ARGV[7+i]  limit i of n; with the prefix "shadow" it is in shadow mode and refuses
--            nothing
--
-- returns  {'acquired', text, {over, used, ms, used, ms, ...}, ...}
--                               accepted, and counted by every enforced limit; for each
--                               limit as in acquire_hits.lua. The text is
--                               "AT counted [LEVEL UNPROVEN ...]" with the pressure that
--                               started, or "AT refused LEVEL UNPROVEN UNTIL TRIPS NEW":
--                               the guard is in shadow mode and would refuse. AT is the
--                               time in ms since 1970. Without a guard: "AT unguarded".
--          {'suspended', text}  the guard refuses; the text is as above. A new suspension
--                               is stored, and nothing is counted.
--          {'refused', at, i, ms}   at that time by limit i for another ms; counted by
--                               none
--
-- TTL: the hash expires 31 days after the last charge, the first reply after two
-- minutes. Each log and each packed log expires after its longest window, or up to ten
-- minutes later.

local key, charge = ARGV[1], KEYS[2]
local at = now()
local rules = parse_rules(ARGV[4])
local guard = rules and read_guard(KEYS[1], {ARGV[5], ARGV[6], ARGV[7]}, rules, at)
local logs = read_shared_logs(3, 8, at)

-- Return a reply that has been the first one to this request. The expiry is a write, so
-- that the WAIT after a repeated request covers one.
local function repeat_reply(first)
    redis.call('PEXPIRE', charge, CHARGE_TTL)
    local suspended = string.match(first, '^suspended (.*)$')
    if suspended then
        return {'suspended', suspended}
    end
    local reply = {'acquired', first}
    append_to_logs(logs, key, true, reply)
    return reply
end

local text = string.format('%.0f ', at)
local refusal = guard and find_guard_refusal(guard)
local enforced = refusal and rules.is_on
local refused, longest = find_refusing_log(logs)
if enforced or refused > 0 then
    -- Only a repeated request can have been counted, so no other one needs to look.
    local first = guard and redis.call('GET', charge)
    if not first and is_in_log(logs, key) then
        first = text .. 'unguarded'
    end
    if first then
        return repeat_reply(first)
    end
    if not enforced then
        return {'refused', at, refused, longest}
    end
    text = text .. 'refused ' .. refusal
    if #guard.writes > 0 then
        write_guard(guard)
        redis.call('SET', charge, 'suspended ' .. text, 'PX', CHARGE_TTL)
    end
    return {'suspended', text}
end

if not guard then
    text = text .. 'unguarded'
elseif refusal then
    text = text .. 'refused ' .. refusal
else
    text = text .. 'counted ' .. charge_guard(guard)
end
if guard then
    if not redis.call('SET', charge, text, 'NX', 'PX', CHARGE_TTL) then
        return repeat_reply(redis.call('GET', charge))
    end
    if #guard.writes > 0 then
        write_guard(guard)
    end
    drop_quiet(guard)
end
local reply = {'acquired', text}
append_to_logs(logs, key, false, reply)
pack_large_logs(logs, tonumber(ARGV[2]), tonumber(ARGV[3]))
return reply
