-- swap: put one text in the place of another, unless somebody already has.
--
-- Comparing and writing are one step, so of two who change the same text at once the
-- second finds out, and begins again with what the first has written.
--
-- KEYS[1]  otp:{services}   hash
-- ARGV[1]  field
-- ARGV[2]  the text that is expected; empty for none
-- ARGV[3]  the text to write; empty to delete
--
-- returns  1  done, or was done by this very question before
--          0  another text stands there; nothing was changed
--
-- TTL: none is set; services are configuration.

local found = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if found ~= ARGV[2] and found ~= ARGV[3] then
    return 0
end
if ARGV[3] == '' then
    redis.call('HDEL', KEYS[1], ARGV[1])
else
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
return 1
