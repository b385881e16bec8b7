-- swap: put a new version in the place of the one that it was made from.
--
-- Comparing and writing are one step, so of two who change the same text at once the
-- second finds out, and begins again with what the first has written. Versions are
-- compared and not texts, for another release may write the same thing differently.
--
-- KEYS[1]  otp:{services}   hash: JSON objects with a version, of 1 and up
-- ARGV[1]  field
-- ARGV[2]  the version that is expected; 0 for none
-- ARGV[3]  the text to write; empty to delete
--
-- returns  1  done, or was done by this very question before
--          0  another version stands there; nothing was changed
--
-- TTL: none is set; services are configuration.

local found = redis.call('HGET', KEYS[1], ARGV[1])
local version = found and cjson.decode(found).version or 0
if version ~= tonumber(ARGV[2]) then
    return (found or '') == ARGV[3] and 1 or 0
end
if ARGV[3] == '' then
    redis.call('HDEL', KEYS[1], ARGV[1])
else
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
return 1
