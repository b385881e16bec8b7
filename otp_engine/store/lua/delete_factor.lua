-- delete_factor: delete a factor, with its recovery codes and its failed checks.
--
-- KEYS[1]  otp:{entity}:entity   hash
-- ARGV[1]  id of the factor, 16 bytes
-- ARGV[2]  idempotency key of the deletion, 8 bytes
--
-- returns  1  deleted, by this call or by an earlier one with the same key
--          0  there is no such factor
--
-- TTL: does not change; the entity stays.

local entity = read_entity(KEYS[1])
local deletion = ARGV[1] .. ARGV[2]
if entity.factors[ARGV[1]] then
    delete_factor(KEYS[1], entity, ARGV[1])
    redis.call('HSET', KEYS[1], 'updated_at', now(), 'deleted', deletion)
    return 1
elseif entity.fields.deleted == deletion then
    -- The write is repeated, so that the WAIT after it covers it.
    redis.call('HSET', KEYS[1], 'deleted', deletion)
    return 1
end
return 0
