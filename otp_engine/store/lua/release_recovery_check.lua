-- release_recovery_check: remove a check of a recovery code that compared no code.
--
-- KEYS[1]  otp:{entity}:entity   hash
-- ARGV[1]  id of the factor, 16 bytes
-- ARGV[2]  idempotency key of the check, 8 bytes
--
-- returns  1  removed
--          0  the check was not counted
--
-- TTL: does not change.

local key, field = KEYS[1], factor_field(ARGV[1], 'recovery_failures')
local failures = read_failures(redis.call('HGET', key, field) or '')
local kept = {keys = {}}
for i, counted in ipairs(failures.keys) do
    if counted ~= ARGV[2] then
        table.insert(kept.keys, counted)
        table.insert(kept, failures[i])
    end
end
if #kept == #failures then
    return 0
elseif #kept == 0 then
    redis.call('HDEL', key, field)
else
    redis.call('HSET', key, field, failures_text(kept, false))
end
return 1
