-- add_data_key: store the encrypted data key unless there is one.
--
-- Of two workers that start at once, both get the first key. The fingerprint outlives a
-- data key that Redis has lost, so that no other key takes its place.
--
-- KEYS[1]  otp:{factors}:data_key               string
-- KEYS[2]  otp:{factors}:data_key_fingerprint   string
-- ARGV[1]  the encrypted data key
-- ARGV[2]  the fingerprint of the data key
--
-- returns  the value that is stored now; nil if another data key was lost
--
-- TTL: none; without the data key every factor is lost.

local stored = redis.call('GET', KEYS[1])
if not stored then
    local fingerprint = redis.call('GET', KEYS[2])
    if fingerprint and fingerprint ~= ARGV[2] then
        return false
    end
    redis.call('SET', KEYS[2], ARGV[2])
    stored = ARGV[1]
end
-- Also an earlier value, so that the WAIT after it covers a write.
redis.call('SET', KEYS[1], stored)
return stored
