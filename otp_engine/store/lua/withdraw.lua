-- withdraw: give a reserved send back, with its code if it was armed.
--
-- The phone's log, the verification and its end must change together: a send that is
-- given back must not keep a verification alive, nor leave a code that was never sent.
--
-- KEYS[1]  otp:{phone}:verification   hash
-- KEYS[2]  otp:{phone}:sends          zset
-- KEYS[3]  otp:{phone}:sends:shadow   zset
-- KEYS[4]  otp:{phone}:refusal        hash: by sender, when a provider's refusal of this
--                                     phone ends (ms, decimal), and why
-- ARGV[1]  the send's token, 8 bytes
-- ARGV[2]  why a provider refused this phone; empty for any other reason
-- ARGV[3]  milliseconds to remember that
-- ARGV[4]  the sender: field of KEYS[4]
--
-- returns  1  given back
--          0  there was nothing to give back any more
--
-- TTL: the verification ends with the last code that is left, or at once with none.
-- The provider's refusals live for ARGV[3] after the last of them.

local verification, token = KEYS[1], ARGV[1]

if ARGV[2] ~= '' then
    local until_then = string.format('%.0f', now() + ARGV[3])
    redis.call('HSET', KEYS[4], ARGV[4], until_then .. ' ' .. ARGV[2])
    redis.call('PEXPIRE', KEYS[4], ARGV[3])
end
redis.call('ZREM', KEYS[2], token)
redis.call('ZREM', KEYS[3], token)
if redis.call('HDEL', verification, token) == 0 then
    return 0
end

local fields = redis.call('HGETALL', verification)
local sends, armed, last = 0, 0, 0
for i = 1, #fields, 2 do
    if #fields[i] == 8 then
        sends = sends + 1
        if fields[i + 1] ~= '' then
            armed = armed + 1
            last = math.max(last, tonumber(string.sub(fields[i + 1], 33)))
        end
    end
end
if sends == 0 then
    redis.call('DEL', verification)
elseif sends == armed then
    redis.call('PEXPIREAT', verification, string.format('%.0f', last))
end
return 1
