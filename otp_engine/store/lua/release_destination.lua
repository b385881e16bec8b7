-- release_destination: take back a message that acquire_destination.lua counted.
--
-- One step, so that a message is counted by the guard, the budget and all limits, or by
-- none. What was charged is in the first reply; deleting that makes a repetition change nothing.
--
-- KEYS[1]    otp:{shared}:guard         hash
-- KEYS[2]    otp:{shared}:charge:<key>  string: the first reply to this request
-- KEYS[2+i]  otp:{shared}:<limit>[:<identifier>]   zset: one member an event
-- ARGV[1]    idempotency key of the event, 8 bytes
-- ARGV[2]    rules of the guard
-- ARGV[3]    block, ARGV[4] network, ARGV[5] country: the places of the number
--
-- returns  ms   the guard had counted the message, which it took back at that time (in
--               ms since 1970)
--          0    it had not
--
-- TTL: the hash expires 31 days later; no key is created.

for i = 3, #KEYS do
    redis.call('ZREM', KEYS[i], ARGV[1])
end
local first = redis.call('GET', KEYS[2])
if not first or not string.find(first, '^%d') then
    return 0
end
redis.call('DEL', KEYS[2])
local at = now()
local changes = release_budget(KEYS[1], ARGV[5], first, at)
if #changes > 0 then
    redis.call('HSET', KEYS[1], unpack(changes))
    redis.call('PEXPIRE', KEYS[1], GUARD_TTL)
end
local rules = parse_rules(ARGV[2])
if not (rules and string.find(first, '^%d+ counted')) then
    return 0
end
local guard = read_guard(KEYS[1], {ARGV[3], ARGV[4], ARGV[5]}, rules, at)
release_guard(guard)
write_guard(guard)
return at
