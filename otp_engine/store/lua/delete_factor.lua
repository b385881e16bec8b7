-- delete_factor: delete a factor, with its recovery codes and its failed checks.
--
-- KEYS[1]  otp:{entity}:entity   hash
-- ARGV[1]  id of the factor, 16 bytes
--
-- returns  1  deleted
--          0  there is no such factor
--
-- TTL: does not change; the entity stays.

local entity = read_entity(KEYS[1])
if not entity.factors[ARGV[1]] then
    return 0
end
delete_factor(KEYS[1], entity, ARGV[1])
redis.call('HSET', KEYS[1], 'updated_at', now())
return 1
