-- resign: put a text with more signatures in the place of the one that it was made from.
--
-- Finding and writing are one step, so a version that was added meanwhile moves nothing
-- under it. Of several instances that do the same the first one does it.
--
-- KEYS[1]  otp:{policy}   list: signed texts, the newest first
-- ARGV[1]  the text that stands there
-- ARGV[2]  the text to write
--
-- returns  1  done
--          0  it stands there no more; nothing was changed
--
-- TTL: none is set; the policy is configuration.

for i, text in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
    if text == ARGV[1] then
        redis.call('LSET', KEYS[1], i - 1, ARGV[2])
        return 1
    end
end
return 0
