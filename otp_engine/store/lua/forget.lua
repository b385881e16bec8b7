-- forget: remove all that is known of a phone.
--
-- One step, so that no send or guess in between leaves half of it behind.
--
-- KEYS[n]  otp:{phone}:...
-- ARGV     none
--
-- returns  how many of them there were
--
-- TTL: every key is deleted.

return redis.call('DEL', unpack(KEYS))
