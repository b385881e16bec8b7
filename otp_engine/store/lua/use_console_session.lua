-- use_console_session: read the session of an operator, and extend it.
--
-- A session ends some time after its last use, and a longer time after it was opened, by
-- the clock of Redis.
--
-- KEYS[1]  otp:{<id>}:console_session   hash
-- ARGV[1]  milliseconds until the session ends without use; 0 does not extend it
--
-- returns  {operator, credential}
--          {}   there is no such session, or it has ended
--
-- TTL: ARGV[1], or the time until the session ends in any case if that is shorter.

local found = redis.call('HMGET', KEYS[1], 'operator', 'credential', 'ends_at')
if not found[3] then
    return {}
end
local left = tonumber(found[3]) - now()
if left <= 0 then
    redis.call('DEL', KEYS[1])
    return {}
end
local idle = tonumber(ARGV[1])
if idle > 0 then
    redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.min(idle, left)))
end
return {found[1], found[2]}
