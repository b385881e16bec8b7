-- unclaim: give back a guess that was paid for and never looked at.
--
-- Both counts change in one step. Only for a guess whose code was not compared:
-- giving back one that was would make guesses free.
--
-- KEYS[1]  otp:{phone}:verification   hash
-- KEYS[2]  otp:{phone}:wrong          zset
-- KEYS[3]  otp:{phone}:failures       zset
-- ARGV[1]  the guess's token, 8 bytes
--
-- returns  1  given back
--          0  there was nothing to give back any more
--
-- TTL: never touched, and no key is created.

local verification, token = KEYS[1], ARGV[1]

redis.call('ZREM', KEYS[2], token)
redis.call('ZREM', KEYS[3], token)
local paid = redis.call('HGET', verification, 'paid') or ''
for i = 1, #paid, 8 do
    if string.sub(paid, i, i + 7) == token then
        local others = string.sub(paid, 1, i - 1) .. string.sub(paid, i + 8)
        redis.call('HSET', verification, 'paid', others)
        return 1
    end
end
return 0
