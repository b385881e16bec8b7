-- acquire_destination: count one message against the pumping guard, the budget and every
-- global limit, or against none.
--
-- The script reads everything before it writes, in one step: a message that a limit
-- refuses is not counted by the guard, and simultaneous messages cannot share the last
-- one that a block may have, or the last money. The order is guard, budget, limits.
--
-- KEYS[1]    otp:{shared}:guard         hash; lib/pumping_guard.lua lists its fields,
--                                       and lib/budget.lua those of the budget
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
-- ARGV[8]    budget of the message; empty if its money is not counted
-- ARGV[8+i]  limit i of n; with the prefix "shadow" it is in shadow mode and refuses
--            nothing
--
-- returns  {'acquired', text, {over, used, ms, used, ms, ...}, ...}
--                               accepted, and counted by every enforced limit; for each
--                               limit as in acquire_hits.lua. The text is
--                               "AT counted [LEVEL UNPROVEN ...]" with the pressure that
--                               started, or "AT refused LEVEL UNPROVEN UNTIL TRIPS NEW":
--                               the guard is in shadow mode and would refuse. AT is the
--                               time in ms since 1970. Without a guard: "AT unguarded".
--                               With a budget, "$" and its usage follow.
--          {'suspended', text}  the guard refuses; the text is as above. A new suspension
--                               is stored, and nothing is counted.
--          {'over', rule, ms, text}
--                               the budget refuses for another ms; the text is "AT" and
--                               the usage of the budget. Nothing is counted, but the
--                               levels that are reported are stored.
--          {'refused', at, i, ms}   at that time by limit i for another ms; counted by
--                               none
--
-- TTL: the hash expires 31 days after the last charge, the first reply after two
-- minutes. Each log and each packed log expires after its longest window, or up to ten
-- minutes later.

local key, charge = ARGV[1], KEYS[2]
local at = now()
local rules = parse_rules(ARGV[4])
local money = parse_budget(ARGV[8])
local names = money and budget_fields(ARGV[7], money.shadow)
local guard = rules
    and read_guard(KEYS[1], {ARGV[5], ARGV[6], ARGV[7]}, rules, at, names or nil)
local budget
if money then
    local ledgers = guard and guard.extra or redis.call('HMGET', KEYS[1], unpack(names))
    local approvals = guard and guard.places.block.approvals or 0
    local has_past = money.proven or approvals >= APPROVALS_OF_PAST
    budget = read_budget(names, ledgers, money, has_past, at)
end
local logs = read_shared_logs(3, 9, at)

-- Return a reply that has been the first one to this request. The expiry is a write, so
-- that the WAIT after a repeated request covers one.
local function repeat_reply(first)
    redis.call('PEXPIRE', charge, CHARGE_TTL)
    local suspended = string.match(first, '^suspended (.*)$')
    if suspended then
        return {'suspended', suspended}
    end
    local rule, wait, text = string.match(first, '^over (%S+) (%d+) (.*)$')
    if rule then
        return {'over', rule, tonumber(wait), text}
    end
    local reply = {'acquired', first}
    append_to_logs(logs, key, true, reply)
    return reply
end

-- Store changed fields in one command, and expire the hash. Return the number of new
-- fields.
local function write(changes)
    if #changes == 0 then
        return 0
    end
    local added = redis.call('HSET', KEYS[1], unpack(changes))
    redis.call('PEXPIRE', KEYS[1], GUARD_TTL)
    return added
end

-- Return the reply to a message that the budget refuses. A reply that reports a level is
-- stored, so that a repeated request reports it as well.
local function refuse_over_budget(rule, wait)
    local changes = report_refusal(budget)
    local text = string.format('%.0f $ %s', at, budget_text(budget))
    if #changes > 0 then
        write(changes)
        local first = string.format('over %s %.0f %s', rule, wait, text)
        redis.call('SET', charge, first, 'PX', CHARGE_TTL)
    end
    return {'over', rule, wait, text}
end

local text = string.format('%.0f ', at)
local refusal = guard and find_guard_refusal(guard)
local enforced = refusal and rules.is_on
local over, wait = false, 0
if budget then
    over, wait = check_budget(budget)
end
local refused, longest = find_refusing_log(logs)
if enforced or over or refused > 0 then
    -- Only a repeated request can have been counted, so no other one needs to look.
    local first = (guard or budget) and redis.call('GET', charge)
    if not first and is_in_log(logs, key) then
        first = text .. 'unguarded'
    end
    if first then
        return repeat_reply(first)
    end
    if not enforced then
        return over and refuse_over_budget(over, wait)
            or {'refused', at, refused, longest}
    end
    text = text .. 'refused ' .. refusal
    if #guard.writes > 0 then
        write(guard.writes)
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
if guard or budget then
    local changes = guard and guard.writes or {}
    if budget then
        for _, part in ipairs(charge_budget(budget)) do
            changes[#changes + 1] = part
        end
        text = text .. ' $ ' .. budget_text(budget)
    end
    if not redis.call('SET', charge, text, 'NX', 'PX', CHARGE_TTL) then
        return repeat_reply(redis.call('GET', charge))
    end
    if write(changes) > 0 and guard then
        drop_quiet(guard)
    end
end
local reply = {'acquired', text}
append_to_logs(logs, key, false, reply)
pack_large_logs(logs, tonumber(ARGV[2]), tonumber(ARGV[3]))
return reply
