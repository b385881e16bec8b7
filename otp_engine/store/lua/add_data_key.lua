-- add_data_key: store the encrypted data key unless there is one.
--
-- Of two workers that start at once, both get the first key.
--
-- KEYS[1]  otp:{factors}:data_key   string
-- ARGV[1]  the encrypted data key
--
-- returns  the value that is stored now
--
-- TTL: none; without the data key every factor is lost.

local stored = redis.call('GET', KEYS[1]) or ARGV[1]
-- Also an earlier value, so that the WAIT after it covers a write.
redis.call('SET', KEYS[1], stored)
return stored
