-- accept_factor_step: accept a time step of a factor, unless that step or a later one
-- was accepted before (RFC 6238, section 5.2).
--
-- The script compares and writes in one step, so of all correct checks with one code
-- exactly one is accepted. The idempotency key of that check is stored: if the reply is
-- lost and the request repeated, the reply is the same.
--
-- KEYS[1]  otp:{entity}:entity   hash
-- ARGV[1]  id of the factor, 16 bytes
-- ARGV[2]  idempotency key of the check, 8 bytes
-- ARGV[3]  the time step
-- ARGV[4]  1 if the check verifies the factor, else 0
-- ARGV[5]  1 if the factor then is the authenticator in place of the earlier one, which
--          is deleted; else 0
--
-- returns  ms  accepted, in milliseconds since 1970
--          0   that step or a later one was accepted before, or the factor is gone
--
-- TTL: an entity with a verified factor has none.

local key, id, check = KEYS[1], ARGV[1], ARGV[2]
local at = now()
local activates = ARGV[4] == '1'
-- An activation alone can delete another factor.
local entity = activates and read_entity(key) or read_factor(key, id)
local factor = entity.factors[id]
if not factor then
    return 0
end
local accepted = factor.accepted or ''
local repeated_at = approved_at(accepted, check)
if repeated_at then
    -- The write is repeated, so that the WAIT after it covers it.
    redis.call('HSET', key, factor_field(id, 'accepted'), accepted)
    return repeated_at
end
if tonumber(ARGV[3]) <= tonumber(factor.step or 0) then
    return 0
end

redis.call('HSET', key,
    factor_field(id, 'step'), ARGV[3],
    factor_field(id, 'accepted'), add_approval(accepted, check, at))
redis.call('HDEL', key, factor_field(id, 'failures'))
if activates and not factor.verified_at then
    local earlier = entity.fields.authenticator
    if ARGV[5] == '1' then
        if earlier and earlier ~= id and entity.factors[earlier] then
            delete_factor(key, entity, earlier)
        end
        redis.call('HSET', key, 'authenticator', id)
    end
    -- Also when another API verifies it: the next enrollment would delete it.
    if entity.fields.enrolling == id then
        redis.call('HDEL', key, 'enrolling')
    end
    redis.call('HSET', key, 'updated_at', at,
        factor_field(id, 'verified_at'), at, factor_field(id, 'updated_at'), at)
    redis.call('PERSIST', key)
end
return at
