-- compare_and_set_service: write a service if its stored version is the expected one.
--
-- The script compares and writes in one step, so of two clients that change a service
-- at once the second one gets 0, reads again and retries. It compares version numbers
-- and not texts, because another release may serialize the same values differently.
--
-- KEYS[1]  otp:{services}   hash: JSON objects with a version of 1 or more
-- ARGV[1]  field: the service's SID
-- ARGV[2]  the expected version; 0 for none
-- ARGV[3]  the text to write; empty to delete
--
-- returns  1  written, by this call or by an earlier one with the same text
--          0  another version is stored; nothing was changed
--
-- TTL: none; services are configuration.

local stored = redis.call('HGET', KEYS[1], ARGV[1])
local version = stored and cjson.decode(stored).version or 0
if version ~= tonumber(ARGV[2]) then
    return (stored or '') == ARGV[3] and 1 or 0
end
if ARGV[3] == '' then
    redis.call('HDEL', KEYS[1], ARGV[1])
else
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
return 1
