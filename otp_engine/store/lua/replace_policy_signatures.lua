-- replace_policy_signatures: replace a stored text by the same version, signed again.
--
-- The script finds and writes in one step, so a version that is added in between does
-- not move the index. Of several instances that do the same, the first one succeeds.
--
-- KEYS[1]  otp:{policy_versions}   list: signed texts, newest first
-- ARGV[1]  the stored text
-- ARGV[2]  the new text
--
-- returns  1  replaced
--          0  the stored text is gone; nothing was changed
--
-- TTL: none; the policy is configuration.

for i, text in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
    if text == ARGV[1] then
        redis.call('LSET', KEYS[1], i - 1, ARGV[2])
        return 1
    end
end
return 0
