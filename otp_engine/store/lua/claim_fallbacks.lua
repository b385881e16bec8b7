-- claim_fallbacks: claim the fallbacks that are due, each with a lease.
--
-- The lease replaces the time at which it is due, in the same step, so two workers
-- never claim one fallback. A fallback of a worker that has crashed is due again at the
-- end of the lease.
--
-- KEYS[1]  otp:{shared}:due_fallbacks  zset; see schedule_fallback.lua
-- ARGV[1]  milliseconds of the lease
-- ARGV[2]  the largest number of fallbacks to claim
--
-- returns  the ids of the deliveries, the one that was due first in front
--
-- TTL: unchanged; schedule_fallback.lua sets one that is longer than any lease.

local key, at = KEYS[1], now()
local first = redis.call('ZRANGE', key, 0, ARGV[2] - 1, 'WITHSCORES')
local claimed = {}
for i = 1, #first, 2 do
    local member = first[i]
    if tonumber(first[i + 1]) <= at then
        local id = string.sub(member, 1, 40)
        -- An index without a member would lose its expiry.
        redis.call('ZADD', key, at + ARGV[1], id .. LEASED)
        if member == id then
            redis.call('ZREM', key, id)
        end
        table.insert(claimed, id)
    end
end
return claimed
