-- list_entity: add an entity to the index of its service.
--
-- A script, so that the WAIT after it covers the write: an entity that the index has
-- lost is in no list and in no export.
--
-- KEYS[1]  otp:{factors}:entities:<service>   zset: the entities of a service, by the
--                                             time of their creation
-- ARGV[1]  member of the entity
-- ARGV[2]  time of its creation, in milliseconds since 1970
-- ARGV[3]  1 to replace the time of an entity that is listed, else 0
--
-- returns  0
--
-- TTL: none, as an entity with a verified factor has none.

local score = ARGV[3] == '0' and redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], score or ARGV[2], ARGV[1])
return 0
