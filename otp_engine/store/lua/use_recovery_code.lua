-- use_recovery_code: delete a recovery code of a factor, unless it is gone.
--
-- The script finds the hash and deletes it in one step, so of all correct checks with one
-- code exactly one uses it. The idempotency key of that check is stored: if the reply is
-- lost and the request repeated, the reply is the same.
--
-- KEYS[1]  otp:{entity}:entity   hash
-- ARGV[1]  id of the factor, 16 bytes
-- ARGV[2]  idempotency key of the check, 8 bytes
-- ARGV[3]  hash of the code, 32 bytes
--
-- returns  {ms, left}   used, in milliseconds since 1970, and so many codes are left
--          {0, 0}       another request has used the code, or the factor is gone
--
-- TTL: does not change.

local HASH_BYTES = 32
local key, id, check = KEYS[1], ARGV[1], ARGV[2]
local names = {factor_field(id, 'recovery'), factor_field(id, 'recovered')}
local stored = redis.call('HMGET', key, names[1], names[2])
local recovery, recovered = stored[1] or '', stored[2] or ''
local header = string.find(recovery, '\n', 1, true)
if not header then
    return {0, 0}
end
local left = (#recovery - header) / HASH_BYTES
local repeated_at = approved_at(recovered, check)
if repeated_at then
    -- The write is repeated, so that the WAIT after it covers it.
    redis.call('HSET', key, names[2], recovered)
    return {repeated_at, left}
end

for i = header + 1, #recovery, HASH_BYTES do
    if string.sub(recovery, i, i + HASH_BYTES - 1) == ARGV[3] then
        local at = now()
        redis.call('HSET', key,
            names[1], string.sub(recovery, 1, i - 1) .. string.sub(recovery, i + HASH_BYTES),
            names[2], add_approval(recovered, check, at))
        redis.call('HDEL', key, factor_field(id, 'recovery_failures'))
        return {at, left - 1}
    end
end
return {0, 0}
