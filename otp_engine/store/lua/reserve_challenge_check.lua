-- reserve_challenge_check: count one check of a pending challenge.
--
-- The check is counted before its code is compared, so simultaneous checks never share an
-- attempt. A check that is counted is in time: approve_challenge.lua closes the challenge
-- for it even when the challenge expires in between.
--
-- KEYS[1]  otp:{entity}:entity           hash
-- KEYS[2]  otp:{entity}:challenge:<id>   hash
-- ARGV[1]  idempotency key of the check, 8 bytes
-- ARGV[2]  maximum number of checks of a challenge
--
-- returns  {'reserved', ms, field, value, ...}  counted at this time (ms since 1970), and
--                                               the fields of the challenge
--          {'not_found'}                        there is no such challenge
--          {'approved'}                         it is closed
--          {'expired'}                          nothing was counted
--          {'max_challenge_checks', 0}          no check remains; a new challenge is possible
--
-- TTL: does not change.

local key, check = KEYS[2], ARGV[1]
local at = now()
local challenge = read_challenge(KEYS[1], key)
if not challenge then
    return {'not_found'}
end
local checks = challenge.checks
if not has_check(checks, check) then
    if challenge.approved_by then
        return {'approved'}
    elseif tonumber(challenge.expires_at) <= at then
        return {'expired'}
    elseif #checks / CHALLENGE_KEY_BYTES >= tonumber(ARGV[2]) then
        return {'max_challenge_checks', 0}
    end
    checks = checks .. check
end
-- Also for a repeated request, so that the WAIT after it covers a write.
redis.call('HSET', key, 'checks', checks)
local _, entries = read_challenge(KEYS[1], key)
return {'reserved', at, unpack(entries)}
