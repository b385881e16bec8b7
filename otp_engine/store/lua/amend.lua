-- amend: make a change of the policy live, unless another was made meanwhile.
--
-- Comparing and writing are one step, so two operators never undo each other unseen.
-- Texts are compared and never read: whoever can write to Redis may have put anything
-- there, and must not be able to make this fail.
--
-- KEYS[1]  otp:{policy}   list: signed texts, the newest first
-- ARGV[1]  the newest text that the change was made from; empty for none
-- ARGV[2]  the text of the change
--
-- returns  1  live, or was made so by this very question before
--          0  another text is the newest; nothing was changed
--
-- TTL: none is set; the policy is configuration. A thousand changes are kept.

local newest = redis.call('LINDEX', KEYS[1], 0) or ''
if newest == ARGV[2] then
    return 1
end
if newest ~= ARGV[1] then
    return 0
end
redis.call('LPUSH', KEYS[1], ARGV[2])
redis.call('LTRIM', KEYS[1], 0, 999)
return 1
