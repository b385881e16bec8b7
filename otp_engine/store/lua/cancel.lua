-- cancel: close a verification without an approval.
--
-- Looking for a live code and deleting are one step, so what is closed is what was
-- found: never a verification that began in between. A send that is only reserved goes
-- with the rest, and arm.lua finds its reservation gone. The phone's wrong guesses and
-- its messages stay counted, or cancelling would be a way around both limits.
--
-- KEYS[1]  otp:{phone}:verification   hash
-- ARGV[1]  id of the verification that is meant; empty for whichever waits
--
-- returns  1  closed
--          0  it is not waiting, as claim.lua means it: no code is alive; nothing was
--             changed, and a send that is only reserved keeps its reservation
--
-- TTL: the verification is deleted; nothing else is touched.

local verification = KEYS[1]

local function waiting()
    local at = now()
    local fields = redis.call('HGETALL', verification)
    for i = 1, #fields, 2 do
        local name, value = fields[i], fields[i + 1]
        if #name == 8 and value ~= '' and tonumber(string.sub(value, 33)) > at then
            return true
        end
    end
    return false
end

if not waiting() then
    return 0
end
if ARGV[1] ~= '' and redis.call('HGET', verification, 'id') ~= ARGV[1] then
    return 0
end

redis.call('DEL', verification)
return 1
