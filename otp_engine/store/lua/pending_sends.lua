-- pending_sends: return the sends of a verification, and the time since the last one.
--
-- One step, so that both are of the same verification. The script counts nothing.
--
-- KEYS[1]  otp:{phone}:verification   hash: id, argon2, checks, one field a send
-- KEYS[2]  otp:{phone}:sends          zset: one member a message
-- ARGV     none
--
-- returns  {sends, ms}   the number of sends, reserved ones included; ms since the last
--                        of them, or -1 if its time is not known any longer
--
-- TTL: unchanged.

local at = now()
local names = read_verification(KEYS[1], at).sends
local last = -1
for _, name in ipairs(names) do
    last = math.max(last, tonumber(redis.call('ZSCORE', KEYS[2], name) or -1))
end
return {#names, last < 0 and -1 or at - last}
