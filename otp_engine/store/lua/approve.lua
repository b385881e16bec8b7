-- approve: close a verification, unless another request has closed it.
--
-- The script looks the verification up and deletes it in one step. So of all correct
-- checks that arrive together exactly one closes it. The idempotency key of that request
-- is stored for a while: if the reply is lost and the request repeated, the reply is the
-- same.
--
-- KEYS[1]  otp:{phone}:verification   hash
-- KEYS[2]  otp:{phone}:failed_checks  zset
-- KEYS[3]  otp:{phone}:approval       string
-- KEYS[4]  otp:{phone}:consecutive_failures
--                                     zset
-- ARGV[1]  idempotency key of the check, 8 bytes
-- ARGV[2]  id of the verification that the check was for
-- ARGV[3]  milliseconds to store the idempotency key
-- ARGV[4]  1 if a code matched, 0 if none was compared
--
-- returns  ms  when this request closed it, in milliseconds since 1970
--          0   it is gone: closed by another request, or expired
--
-- TTL: the verification is deleted, and if a code matched the phone's failed checks;
-- the idempotency key expires after ARGV[3].

local verification, failed, approval = KEYS[1], KEYS[2], KEYS[3]

if redis.call('HGET', verification, 'id') == ARGV[2] then
    if ARGV[4] == '1' then
        redis.call('DEL', verification, failed, KEYS[4])
    else
        redis.call('DEL', verification)
    end
elseif redis.call('GET', approval) ~= ARGV[1] then
    return 0
end
-- Also for a repeated request, so that the WAIT after it covers a write.
redis.call('SET', approval, ARGV[1], 'PX', ARGV[3])
return now()
