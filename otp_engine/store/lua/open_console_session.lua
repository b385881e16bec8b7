-- open_console_session: store the session of an operator who signed in.
--
-- KEYS[1]  otp:{<id>}:console_session   hash
-- ARGV[1]  name of the operator
-- ARGV[2]  the credential, which must be valid as long as the session
-- ARGV[3]  milliseconds until the session ends without use
-- ARGV[4]  milliseconds until it ends in any case
--
-- returns  1
--
-- TTL: ARGV[3], from the step that creates the hash.

redis.call('HSET', KEYS[1],
    'operator', ARGV[1],
    'credential', ARGV[2],
    'ends_at', string.format('%.0f', now() + ARGV[4]))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
