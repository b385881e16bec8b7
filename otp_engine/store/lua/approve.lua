-- approve: close a verification, unless somebody already has.
--
-- Looking and deleting are one step, so of all the right answers that arrive
-- together exactly one closes it. The token of that request is remembered for a
-- while: if the reply is lost and the question repeated, the answer is yes again.
--
-- KEYS[1]  otp:{phone}:verification   hash
-- KEYS[2]  otp:{phone}:wrong          zset
-- KEYS[3]  otp:{phone}:approved       string
-- KEYS[4]  otp:{phone}:failures       zset
-- ARGV[1]  the guess's token, 8 bytes
-- ARGV[2]  id of the verification that the guess was right for
-- ARGV[3]  milliseconds to remember the token
-- ARGV[4]  1 if a code was guessed right, 0 if none was compared
--
-- returns  ms  when this request closed it, in milliseconds since 1970
--          0   it is gone: used by somebody else, or expired
--
-- TTL: the verification is deleted, and with a right guess the phone's failed checks;
-- the token lives for ARGV[3].

local verification, wrong, approved = KEYS[1], KEYS[2], KEYS[3]

if redis.call('GET', approved) == ARGV[1] then
    -- Written again, so that a WAIT behind it waits for replicas to have it.
    redis.call('SET', approved, ARGV[1], 'PX', ARGV[3])
    return now()
end
if redis.call('HGET', verification, 'id') ~= ARGV[2] then
    return 0
end

redis.call('DEL', verification)
if ARGV[4] == '1' then
    redis.call('DEL', wrong, KEYS[4])
end
redis.call('SET', approved, ARGV[1], 'PX', ARGV[3])
return now()
