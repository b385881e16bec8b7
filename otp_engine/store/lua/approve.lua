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
-- KEYS[5]  otp:{phone}:proven         string: messages that a proven phone may have
-- ARGV[1]  idempotency key of the check, 8 bytes
-- ARGV[2]  id of the verification that the check was for
-- ARGV[3]  milliseconds to store the idempotency key
-- ARGV[4]  1 if a code matched, 0 if none was compared
-- ARGV[5]  messages that the phone may have as a proven one
-- ARGV[6]  milliseconds for which the phone is proven; 0 to leave it as it is
--
-- returns  {ms, counted}   when this request closed it, in milliseconds since 1970; the
--                          messages of the verification that the pumping guard counted
--          {0, 0}          it is gone: closed by another request, or expired
--
-- TTL: the verification is deleted, and if a code matched the phone's failed checks;
-- the idempotency key expires after ARGV[3], the proven phone after ARGV[6].

local verification, failed, approval = KEYS[1], KEYS[2], KEYS[3]
local at, counted = now(), 0

if redis.call('HGET', verification, 'id') == ARGV[2] then
    counted = read_verification(verification, at).counted
    if ARGV[4] == '1' then
        redis.call('DEL', verification, failed, KEYS[4])
    else
        redis.call('DEL', verification)
    end
    if ARGV[6] ~= '0' then
        redis.call('SET', KEYS[5], ARGV[5], 'PX', ARGV[6])
    end
else
    local stored = redis.call('GET', approval) or ''
    if string.sub(stored, 1, 8) ~= ARGV[1] then
        return {0, 0}
    end
    counted = tonumber(string.sub(stored, 9)) or 0
end
-- Also for a repeated request, so that the WAIT after it covers a write.
redis.call('SET', approval, ARGV[1] .. counted, 'PX', ARGV[3])
return {at, counted}
