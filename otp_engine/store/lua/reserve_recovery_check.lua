-- reserve_recovery_check: count one check of a recovery code of the authenticator, and
-- return what it is compared with.
--
-- The check counts as failed before anything is compared, so simultaneous checks never
-- share an attempt. use_recovery_code.lua alone clears the failed checks. They are apart
-- from those of the authenticator's codes, so that neither locks the other out.
--
-- KEYS[1]  otp:{entity}:entity   hash
-- ARGV[1]  idempotency key of the check, 8 bytes
-- ARGV[2]  limit of failed checks
-- ARGV[3]  limit of consecutive failed checks
--
-- returns  {'reserved', at, remaining, wait, entity id, factor id, field, value, ...}
--                               counted at this time (ms since 1970); this many attempts
--                               remain, or the next one is possible in wait (ms); and
--                               the fields of the factor
--          {'not_found'}        there is no authenticator; nothing was counted
--          {'failed_checks_per_factor' | 'max_consecutive_failures', ms}
--                               the limit refuses for another ms
--
-- TTL: does not change. Failed checks are deleted once no window contains them.

local key, check = KEYS[1], ARGV[1]
local at = now()
local entity, id = read_checked_factor(key, '', false)
if not id then
    return {'not_found'}
end
local factor = entity.factors[id]
local failures = read_failures(factor.recovery_failures or '')

if not has_failure(failures, check) then
    local left, wait, name = verified_attempts(failures, ARGV[2], ARGV[3], at)
    if left == 0 then
        return {name, wait}
    end
    table.insert(failures.keys, check)
    table.insert(failures, at)
end
-- Also for a repeated request, so that the WAIT after it covers a write.
local oldest = at - longest_window(ARGV[2], ARGV[3])
redis.call(
    'HSET', key, factor_field(id, 'recovery_failures'), failures_text(failures, oldest)
)

local left, wait = verified_attempts(failures, ARGV[2], ARGV[3], at)
return reservation(at, left, wait, entity, id)
