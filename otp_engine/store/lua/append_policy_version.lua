-- append_policy_version: add a policy version, unless another was added in between.
--
-- The script compares and writes in one step, so no operator overwrites a version
-- unseen. It compares the texts and does not parse them: a client with write access to
-- Redis may have stored any bytes there, and they must not make this script fail.
--
-- KEYS[1]  otp:{policy_versions}   list: signed texts, newest first
-- ARGV[1]  the text that was the newest when the version was made; empty for none
-- ARGV[2]  the text of the version
--
-- returns  1  it is the newest, from this call or from an earlier one
--          0  another text is the newest; nothing was changed
--
-- TTL: none; the policy is configuration. The list holds 1,000 versions.

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
