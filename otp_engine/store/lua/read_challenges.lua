-- read_challenges: read challenges of one entity.
--
-- KEYS[1]    otp:{entity}:entity           hash
-- KEYS[2..]  otp:{entity}:challenge:<id>   hash
-- ARGV       none
--
-- returns  {ms, {field, value, ...}, ...}  the time (ms since 1970), and the fields of
--                                          each challenge; an empty list for one that is
--                                          gone
--
-- TTL: does not change.

local reply = {now()}
for i = 2, #KEYS do
    local _, entries = read_challenge(KEYS[1], KEYS[i])
    table.insert(reply, entries)
end
return reply
