-- read_places: return some fields of the pumping guard by their names.
--
-- One step, so that all of them are of the same time.
--
-- KEYS[1]  otp:{shared}:guard   hash
-- ARGV[i]  the names: places, and ledgers of the budget
--
-- returns  {ms, text, ...}   the time in ms since 1970; each text, empty without a field
--
-- TTL: unchanged.

local reply = {now()}
for i, text in ipairs(redis.call('HMGET', KEYS[1], unpack(ARGV))) do
    reply[i + 1] = text or ''
end
return reply
