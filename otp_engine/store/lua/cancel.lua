-- cancel: close a verification without an approval.
--
-- The script looks for a live code and deletes in one step, so it never closes a
-- verification that started in between. A reserved send is deleted with the rest, and
-- commit_send.lua finds its reservation gone. The phone's failed checks and messages
-- stay counted; otherwise cancel would bypass both limits.
--
-- KEYS[1]  otp:{phone}:verification   hash
-- ARGV[1]  id of the verification; empty for the pending one
--
-- returns  1  closed
--          0  it is not pending, as in get_pending.lua: no code is live; nothing was
--             changed, and a reserved send keeps its reservation
--
-- TTL: the verification is deleted; nothing else changes.

local pending = read_verification(KEYS[1], now())

if #pending.code_hashes == 0 then
    return 0
end
if ARGV[1] ~= '' and pending.fields.id ~= ARGV[1] then
    return 0
end

redis.call('DEL', KEYS[1])
return 1
