-- approve_challenge: close a challenge for a check with a right code.
--
-- accept_factor_step.lua decides which check is right: it accepts a time step once. This
-- script closes the challenge for the first of those checks. Two right codes of two time
-- steps can arrive together, and the later one then finds the challenge closed.
--
-- KEYS[1]  otp:{entity}:entity           hash
-- KEYS[2]  otp:{entity}:challenge:<id>   hash
-- ARGV[1]  idempotency key of the check, 8 bytes
--
-- returns  {ms, field, value, ...}   closed by this check (ms since 1970), and the fields
--                                    of the challenge
--          {0}                       closed by another check, or gone, or this check was
--                                    not counted
--
-- TTL: does not change.

local key, check = KEYS[2], ARGV[1]
local challenge = read_challenge(KEYS[1], key)
if not challenge or not has_check(challenge.checks, check) then
    return {0}
elseif challenge.approved_by and challenge.approved_by ~= check then
    return {0}
end
local at = challenge.responded_at or string.format('%.0f', now())
-- Also for a repeated request, so that the WAIT after it covers a write.
redis.call('HSET', key, 'approved_by', check, 'responded_at', at, 'updated_at', at)
local _, entries = read_challenge(KEYS[1], key)
return {tonumber(at), unpack(entries)}
