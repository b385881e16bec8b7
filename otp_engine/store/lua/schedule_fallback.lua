-- schedule_fallback: set when the fallback of a delivery is due.
--
-- A fallback that a worker has claimed keeps its lease, so a report at the same moment
-- starts no second one. The earlier of two times counts: a report can make a fallback due
-- before the worker that sent the message has set the end of the silence.
--
-- KEYS[1]  otp:{shared}:due_fallbacks  zset: one member a delivery, scored by the time
--                                      at which it is due; or with a suffix, by the end
--                                      of its lease (ms since 1970)
-- ARGV[1]  the id of the delivery
-- ARGV[2]  milliseconds until it is due
-- ARGV[3]  milliseconds that the index is stored for
--
-- returns  1  scheduled
--          0  a worker has claimed it
--
-- TTL: each schedule extends that of the index.

local key, id = KEYS[1], ARGV[1]
if redis.call('ZSCORE', key, id .. LEASED) then
    return 0
end
local due = now() + ARGV[2]
redis.call('ZADD', key, math.min(due, redis.call('ZSCORE', key, id) or due), id)
redis.call('PEXPIRE', key, ARGV[3])
return 1
