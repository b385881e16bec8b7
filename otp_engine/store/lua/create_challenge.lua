-- create_challenge: create a challenge of a verified factor, within the limit of new
-- challenges of that factor.
--
-- A code that comes with the request is a check, so its idempotency key is stored with
-- the challenge.
--
-- KEYS[1]  otp:{entity}:entity                hash
-- KEYS[2]  otp:{entity}:challenge:<id>        hash
-- KEYS[3]  otp:{entity}:challenges            zset: the ids of the challenges, by the
--                                             time at which they are deleted
-- KEYS[4]  otp:{entity}:challenges:<factor>   zset: one member a challenge of the factor
-- ARGV[1]  id of the challenge, 16 bytes
-- ARGV[2]  id of the factor, 16 bytes
-- ARGV[3]  limit of new challenges of a factor
-- ARGV[4]  time at which the challenge expires (ms since 1970); 0 for ARGV[5] from now
-- ARGV[5]  default lifetime of a challenge, in milliseconds
-- ARGV[6]  longest lifetime of a challenge, in milliseconds
-- ARGV[7]  milliseconds for which a challenge is stored after it has expired
-- ARGV[8]  idempotency key of the check, 8 bytes; empty without a code
-- ARGV[9]  encrypted record of the challenge
--
-- returns  {'created', at, field, value, ...}  the time (ms since 1970), and the fields of
--                                             the challenge
--          {'entity_not_found'}, {'factor_not_found'}, {'unverified'}
--          {'challenges_per_factor', ms}      the limit refuses for another ms
--
-- TTL: the challenge is deleted ARGV[7] after it has expired, and the index with the last
-- of its challenges. The log expires after its longest window, or up to ten minutes later.

local entity, key, index = KEYS[1], KEYS[2], KEYS[3]
local id, factor = ARGV[1], ARGV[2]
local at = now()

local state = redis.call('HMGET', entity, 'id',
    factor_field(factor, 'record'), factor_field(factor, 'verified_at'))
if not state[1] then
    return {'entity_not_found'}
elseif not state[2] then
    return {'factor_not_found'}
elseif not state[3] then
    return {'unverified'}
end

if redis.call('EXISTS', key) == 0 then
    local created = read_log(KEYS[4], ARGV[3], at)
    local wait = retry_after(created)
    if wait > 0 then
        return {'challenges_per_factor', wait}
    end
    append(created, id)
    local expires_at = tonumber(ARGV[4])
    if expires_at == 0 then
        expires_at = at + tonumber(ARGV[5])
    end
    expires_at = math.min(expires_at, at + tonumber(ARGV[6]))
    local deleted_at = expires_at + tonumber(ARGV[7])
    redis.call('HSET', key,
        'entity', state[1], 'factor', factor, 'record', ARGV[9], 'checks', ARGV[8],
        'created_at', at, 'updated_at', at, 'expires_at', expires_at)
    redis.call('PEXPIREAT', key, string.format('%.0f', deleted_at))
    redis.call('ZADD', index, deleted_at, id)
    redis.call('ZREMRANGEBYSCORE', index, '-inf', at)
    if redis.call('PTTL', index) < deleted_at - at then
        redis.call('PEXPIREAT', index, string.format('%.0f', deleted_at))
    end
else
    -- The write is repeated, so that the WAIT after it covers it.
    redis.call('HSET', key, 'record', ARGV[9])
end
local _, entries = read_challenge(entity, key)
return {'created', at, unpack(entries)}
