-- list_places: return some of the places of the pumping guard.
--
-- A part at a time, because Redis waits for a script.
--
-- KEYS[1]  otp:{shared}:guard   hash
-- ARGV[1]  cursor of the part; 0 for the first one
-- ARGV[2]  number of fields that a part has, approximately
--
-- returns  {ms, cursor, {field, text, ...}}   the time in ms since 1970; the cursor of
--                                             the next part, 0 after the last one
--
-- TTL: unchanged.

local part = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
return {now(), part[1], part[2]}
