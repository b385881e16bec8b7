-- reserve_check: count one check, and return what its code must match.
--
-- The script counts and reads in one step, so simultaneous checks never share an
-- attempt. It counts the check for the verification and for the phone before the code
-- is compared; approve.lua alone clears the phone's logs.
--
-- KEYS[1]  otp:{phone}:verification   hash
-- KEYS[2]  otp:{phone}:failed_checks  zset: one member a failed check by number
-- KEYS[3]  otp:{phone}:consecutive_failures
--                                     zset: one member a failed check of any kind
-- ARGV[1]  idempotency key of the check, 8 bytes
-- ARGV[2]  maximum number of checks of a verification
-- ARGV[3]  limit of failed checks by number; empty for a bound verification
-- ARGV[4]  limit of consecutive failed checks of this phone
--
-- returns  {'reserved', id, argon2, remaining, ms, wait, hash, channel, ...}
--                                     counted; this many attempts remain, the last code
--                                     expires in ms, a new code is possible in wait (ms;
--                                     0 while attempts remain), and these are the hashes
--                                     of the live codes, each with its channel
--          {'not_found'}              no code is live; nothing was counted
--          {'max_attempts_reached', ms}
--                                     no attempt remains; a new code is possible in ms
--          {'failed_checks_per_phone' | 'max_consecutive_failures', ms}
--                                     the phone's limit refuses for another ms
--
-- TTL: the verification's does not change. Each log expires after its longest window, or
-- up to ten minutes later.

local verification, failed, failures = KEYS[1], KEYS[2], KEYS[3]
local key, max_checks = ARGV[1], tonumber(ARGV[2])
local at = now()
local live = read_verification(verification, at)
local checks = live.fields.checks

local function is_counted()
    for i = 1, #checks, 8 do
        if string.sub(checks, i, i + 7) == key then
            return true
        end
    end
    return false
end

if #live.code_hashes == 0 then
    return {'not_found'}
end

local budget = read_log(failed, ARGV[3], at)
local consecutive = read_log(failures, ARGV[4], at)

-- Return the milliseconds until the limits of the phone allow another check, and the
-- name of the limit that takes longest.
local function phone_wait()
    local budget_wait = retry_after(budget)
    local disabled = retry_after(consecutive)
    if disabled > budget_wait then
        return disabled, 'max_consecutive_failures'
    end
    return budget_wait, 'failed_checks_per_phone'
end

if is_counted() then
    -- The write is repeated, so that the WAIT after it covers it.
    redis.call('HSET', verification, 'checks', checks)
else
    local longest, reason = phone_wait()
    if #checks / 8 >= max_checks then
        local ends_in = redis.call('PTTL', verification)
        return {'max_attempts_reached', math.max(ends_in, longest)}
    end
    if longest > 0 then
        return {reason, longest}
    end
    checks = checks .. key
    redis.call('HSET', verification, 'checks', checks)
    append(budget, key)
    append(consecutive, key)
end

local phone_attempts = math.min(remaining(budget), remaining(consecutive))
local attempts = math.max(0, math.min(max_checks - #checks / 8, phone_attempts))
local wait = 0
if attempts == 0 then
    wait = phone_wait()
    if #checks / 8 >= max_checks then
        wait = math.max(wait, redis.call('PTTL', verification))
    end
end
local reply = {
    'reserved', live.fields.id, live.fields.argon2, attempts, live.last_end - at, wait
}
for i, code_hash in ipairs(live.code_hashes) do
    table.insert(reply, code_hash)
    table.insert(reply, live.channels[i])
end
return reply
