-- create_entity: store an entity without factors.
--
-- KEYS[1]  otp:{entity}:entity   hash
-- ARGV[1]  id of the new entity, 16 bytes
-- ARGV[2]  its encrypted record
--
-- returns  1  created, by this call or by an earlier one with the same id
--          0  an entity exists; nothing was changed
--
-- TTL: none, because a client has created the entity itself.

local stored = redis.call('HGET', KEYS[1], 'id')
if stored == ARGV[1] then
    -- The write is repeated, so that the WAIT after it covers it.
    redis.call('HSET', KEYS[1], 'id', stored)
    return 1
elseif stored then
    return 0
end
local at = now()
redis.call('HSET', KEYS[1],
    'id', ARGV[1], 'record', ARGV[2], 'created_at', at, 'updated_at', at)
return 1
