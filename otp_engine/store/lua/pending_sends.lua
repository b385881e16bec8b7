-- pending_sends: return the sends of a verification, and the time since the last one
-- that is no fallback.
--
-- One step, so that both are of the same verification. The script counts nothing.
--
-- KEYS[1]  otp:{phone}:verification   hash: id, argon2, checks, one field a send
-- KEYS[2]  otp:{phone}:sends          zset: one member a message
-- ARGV     none
--
-- returns  {sends, ms}   the number of sends, reserved ones included; ms since the last
--                        of them that is no fallback, or -1 if its time is not known
--                        any longer
--
-- TTL: unchanged.

local at = now()
local pending = read_verification(KEYS[1], at)
local last = last_requested(pending, KEYS[2])
return {#pending.sends, last < 0 and -1 or at - last}
