-- amend: make a change of the policy live, unless another was made meanwhile.
--
-- Comparing and writing are one step, so two operators never undo each other unseen.
--
-- KEYS[1]  otp:{policy}   list: JSON objects with a version, the newest first
-- ARGV[1]  version of the change, one more than of the one that it was made from
-- ARGV[2]  the change
--
-- returns  1  live, or was made so by this very question before
--          0  the newest has another version; nothing was changed
--
-- TTL: none is set; the policy is configuration. A thousand changes are kept.

local newest = redis.call('LINDEX', KEYS[1], 0)
local version = newest and cjson.decode(newest).version or 0
if version ~= tonumber(ARGV[1]) - 1 then
    return newest == ARGV[2] and 1 or 0
end
redis.call('LPUSH', KEYS[1], ARGV[2])
redis.call('LTRIM', KEYS[1], 0, 999)
return 1
