-- reset_data_key: write an encrypted data key in place of any other, with its
-- fingerprint.
--
-- The entities of the data key before it cannot be read from then on.
--
-- KEYS[1]  otp:{factors}:data_key               string
-- KEYS[2]  otp:{factors}:data_key_fingerprint   string
-- ARGV[1]  the encrypted data key
-- ARGV[2]  the fingerprint of the data key
--
-- returns  1
--
-- TTL: none; without the data key every factor is lost.

redis.call('SET', KEYS[1], ARGV[1])
redis.call('SET', KEYS[2], ARGV[2])
return 1
