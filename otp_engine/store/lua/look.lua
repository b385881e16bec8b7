-- look: say what is waiting for a phone.
--
-- One step, so that the guesses belong to the verification that the id names.
--
-- KEYS[1]  otp:{phone}:verification   hash
-- ARGV     none
--
-- returns  {'waiting', id, guesses, ms}   so many were paid for; the last code that is
--                                         out ends in ms
--          {'none'}                       no code is alive; a send that is only
--                                         reserved is none
--
-- TTL: never touched.

local at = now()
local fields = redis.call('HGETALL', KEYS[1])
local record_of, last_end = {}, at
for i = 1, #fields, 2 do
    local name, value = fields[i], fields[i + 1]
    if #name ~= 8 then
        record_of[name] = value
    elseif value ~= '' then
        last_end = math.max(last_end, tonumber(string.sub(value, 33)))
    end
end

if last_end == at then
    return {'none'}
end
return {'waiting', record_of.id, #record_of.paid / 8, last_end - at}
