-- delete_entity: delete an entity with its factors.
--
-- KEYS[1]  otp:{entity}:entity           hash
-- KEYS[2]  otp:{entity}:created_factors  zset
-- ARGV     none
--
-- returns  the id of the entity, 16 bytes
--          0  there is none
--
-- TTL: both keys are deleted.

local id = redis.call('HGET', KEYS[1], 'id')
redis.call('DEL', KEYS[1], KEYS[2])
return id or 0
