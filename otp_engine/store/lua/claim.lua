-- claim: pay for one guess, and hand back what it must match.
--
-- Counting and reading are one step, so two guesses can never share an attempt,
-- however close together they arrive. The guess is charged to the verification and to
-- the phone before anybody looks at it; only approve.lua clears the phone's count.
--
-- KEYS[1]  otp:{phone}:verification   hash
-- KEYS[2]  otp:{phone}:wrong          zset: one member a failed check by number
-- KEYS[3]  otp:{phone}:failures       zset: one member a failed check of any kind
-- ARGV[1]  the guess's token, 8 bytes
-- ARGV[2]  guesses a verification may have
-- ARGV[3]  limit of failed checks by number; empty for a bound verification
-- ARGV[4]  limit of consecutive failed checks of this phone
--
-- returns  {'claimed', id, cost, left, ms, hash, ...}
--                                     paid for; left guesses remain, the last code
--                                     ends in ms, and these are the live codes' hashes
--          {'none'}                   nothing is waiting; nothing was charged
--          {'spent', ms}              no guess is left; a new code is possible in ms
--          {'failed_checks_per_phone' | 'max_consecutive_failures', ms}
--                                     the phone's budget is spent, for another ms
--
-- TTL: the verification's is never touched. Each log lives as long as its longest
-- window.

local verification, wrong, failures = KEYS[1], KEYS[2], KEYS[3]
local token, most = ARGV[1], tonumber(ARGV[2])
local budget, consecutive = ARGV[3], ARGV[4]
local at = now()
local record_of, hashes, last_end = {}, {}, at
local fields = redis.call('HGETALL', verification)
for i = 1, #fields, 2 do
    local name, value = fields[i], fields[i + 1]
    if #name ~= 8 then
        record_of[name] = value
    elseif value ~= '' then
        local ends = tonumber(string.sub(value, 33))
        if ends > at then
            hashes[#hashes + 1] = string.sub(value, 1, 32)
            last_end = math.max(last_end, ends)
        end
    end
end
local paid = record_of.paid

local function repeated()
    for i = 1, #paid, 8 do
        if string.sub(paid, i, i + 7) == token then
            return true
        end
    end
    return false
end

if #hashes == 0 then
    return {'none'}
end

if repeated() then
    -- Written again, so that a WAIT behind it waits for replicas to have it.
    redis.call('HSET', verification, 'paid', paid)
else
    local reason, longest = 'failed_checks_per_phone', wait(wrong, budget, at)
    local disabled = wait(failures, consecutive, at)
    if disabled > longest then
        reason, longest = 'max_consecutive_failures', disabled
    end
    if #paid / 8 >= most then
        local ends_in = redis.call('PTTL', verification)
        return {'spent', math.max(ends_in, longest)}
    end
    if longest > 0 then
        return {reason, longest}
    end
    paid = paid .. token
    redis.call('HSET', verification, 'paid', paid)
    record(wrong, budget, token, at)
    record(failures, consecutive, token, at)
end

local room_left = math.min(room(wrong, budget, at), room(failures, consecutive, at))
local left = math.max(0, math.min(most - #paid / 8, room_left))
return {
    'claimed', record_of.id, record_of.cost, left, last_end - at, unpack(hashes)
}
