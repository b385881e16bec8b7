-- reserve_factor_check: count one check of a factor, and return what it is checked with.
--
-- The check counts as failed before anything is compared, so simultaneous checks never
-- share an attempt. accept_factor_step.lua alone clears the failed checks.
--
-- KEYS[1]  otp:{entity}:entity   hash
-- ARGV[1]  id of the factor, 16 bytes; empty for the authenticator, or with ARGV[3] for
--          the factor that is being enrolled
-- ARGV[2]  idempotency key of the check, 8 bytes
-- ARGV[3]  1 if the check verifies the factor, else 0
-- ARGV[4]  limit of failed checks of a verified factor
-- ARGV[5]  limit of consecutive failed checks of a verified factor
-- ARGV[6]  maximum number of checks of an unverified factor
-- ARGV[7]  milliseconds for which a factor that is being enrolled can be verified
--
-- returns  {'reserved', at, remaining, wait, entity id, factor id, field, value, ...}
--                               counted at this time (ms since 1970); this many attempts
--                               remain, or the next one is possible in wait (ms); and
--                               the fields of the factor
--          {'not_found'}        there is no such factor, or its enrollment was too long
--                               ago and it is deleted now; nothing was counted
--          {'unverified'}       the check verifies nothing, and the factor is unverified
--          {'verified'}         the check would verify the factor, which is verified
--          {'failed_checks_per_factor' | 'max_consecutive_failures', ms}
--                               the limit refuses for another ms
--          {'max_factor_tries'} the unverified factor has no checks left
--
-- TTL: does not change. Failed checks are deleted once no window contains them.

local key, check, activates = KEYS[1], ARGV[2], ARGV[3] == '1'
local at = now()
local entity, id = read_checked_factor(key, ARGV[1], activates)
local factor = id and entity.factors[id]
if not factor then
    return {'not_found'}
elseif ARGV[1] == '' and not factor.verified_at
    and factor.created_at + tonumber(ARGV[7]) <= at then
    delete_factor(key, read_entity(key), id)
    return {'not_found'}
elseif activates and factor.verified_at then
    return {'verified'}
elseif not activates and not factor.verified_at then
    return {'unverified'}
end

local failures = read_failures(factor.failures or '')

-- Return how many attempts remain, the milliseconds until the next one, and the name of
-- the limit that takes longest.
local function attempts()
    if activates then
        return math.max(0, tonumber(ARGV[6]) - #failures), 0, 'max_factor_tries'
    end
    return verified_attempts(failures, ARGV[4], ARGV[5], at)
end

if not has_failure(failures, check) then
    local left, wait, name = attempts()
    if left == 0 then
        return {name, wait}
    end
    table.insert(failures.keys, check)
    table.insert(failures, at)
end
-- An unverified factor has a number of checks, and no window.
local oldest = not activates and at - longest_window(ARGV[4], ARGV[5])
-- Also for a repeated request, so that the WAIT after it covers a write.
redis.call('HSET', key, factor_field(id, 'failures'), failures_text(failures, oldest))

local left, wait = attempts()
return reservation(at, left, wait, entity, id)
