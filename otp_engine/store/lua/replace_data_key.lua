-- replace_data_key: write the encrypted data key if the stored one is the expected one.
--
-- KEYS[1]  otp:{factors}:data_key   string
-- ARGV[1]  the expected value
-- ARGV[2]  the value to write
--
-- returns  1  written, by this call or by an earlier one with the same value
--          0  another value is stored, or none; nothing was changed
--
-- TTL: none; without the data key every factor is lost.

local stored = redis.call('GET', KEYS[1])
if stored ~= ARGV[1] and stored ~= ARGV[2] then
    return 0
end
redis.call('SET', KEYS[1], ARGV[2])
return 1
