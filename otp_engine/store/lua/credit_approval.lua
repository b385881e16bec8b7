-- credit_approval: forgive unproven messages after an approval.
--
-- One step, so that simultaneous approvals are all counted.
--
-- KEYS[1]  otp:{shared}:guard              hash
-- KEYS[2]  otp:{shared}:credit:<id>        string: marks the verification as credited
-- ARGV[1]  number of messages of the verification that the guard counted
-- ARGV[2]  rules of the guard
-- ARGV[3]  block, ARGV[4] network, ARGV[5] country: the places of the number
--
-- returns  ms   credited at that time, in ms since 1970
--          0    the verification has been credited already
--
-- TTL: the hash expires 31 days later, the mark after two minutes.

if not redis.call('SET', KEYS[2], '', 'NX', 'PX', CHARGE_TTL) then
    return 0
end
local at = now()
local places = {ARGV[3], ARGV[4], ARGV[5]}
local guard = read_guard(KEYS[1], places, parse_rules(ARGV[2]), at)
credit_guard(guard, tonumber(ARGV[1]))
write_guard(guard)
return at
