-- merge_failed_checks: store failed checks that were counted under another key.
--
-- The script adds members to those already there. So repeating the step, or running it
-- from two instances at once, counts each failed check once.
--
-- KEYS[1]  a log of failed checks   zset: one member a failed check, scored by its time
-- ARGV[1]  milliseconds to store them
-- ARGV[2]  time of a failed check, ARGV[3] its idempotency key; and so on in pairs
--
-- returns  how many were new
--
-- TTL: extended to ARGV[1], and never shortened.

local added = redis.call('ZADD', KEYS[1], unpack(ARGV, 2))
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return added
