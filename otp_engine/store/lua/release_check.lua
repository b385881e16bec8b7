-- release_check: release a reserved check if its code was not compared.
--
-- All counts change in one step. A check with a compared code must stay counted:
-- releasing it would make checks free.
--
-- KEYS[1]  otp:{phone}:verification   hash
-- KEYS[2]  otp:{phone}:failed_checks  zset
-- KEYS[3]  otp:{phone}:consecutive_failures
--                                     zset
-- ARGV[1]  idempotency key of the check, 8 bytes
--
-- returns  1  released
--          0  there was nothing to release
--
-- TTL: unchanged, and no key is created.

local verification, key = KEYS[1], ARGV[1]

redis.call('ZREM', KEYS[2], key)
redis.call('ZREM', KEYS[3], key)
local checks = redis.call('HGET', verification, 'checks') or ''
for i = 1, #checks, 8 do
    if string.sub(checks, i, i + 7) == key then
        local others = string.sub(checks, 1, i - 1) .. string.sub(checks, i + 8)
        redis.call('HSET', verification, 'checks', others)
        return 1
    end
end
return 0
