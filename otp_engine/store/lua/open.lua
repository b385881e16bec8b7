-- open: reserve one send to a phone, and begin a verification if none is alive.
--
-- The cooldown, the phone's limits, the sends and the guesses left are all read
-- before anything is written, in one step, so that simultaneous sends cannot share
-- the last place, and a refused one uses nothing up. A code that could never be
-- checked is refused here, before it is paid for.
--
-- KEYS[1]   otp:{phone}:verification   hash: id, cost, paid, a field a send
-- KEYS[2]   otp:{phone}:sends          zset: one member a message
-- KEYS[3]   otp:{phone}:wrong          zset: one member a wrong guess
-- KEYS[4]   otp:{phone}:sends:shadow   zset: messages that the shadow would let through
-- ARGV[1]   the send's token, 8 bytes
-- ARGV[2]   id of the verification, if one begins
-- ARGV[3]   cost of hashing its codes, if one begins
-- ARGV[4]   life of a code in milliseconds
-- ARGV[5]   messages a verification may have
-- ARGV[6]   guesses a verification may have
-- ARGV[7]   milliseconds between two messages of one verification
-- ARGV[8]   limit of messages to this phone
-- ARGV[9]   limit of wrong guesses at this phone
-- ARGV[10]  limit of messages to this phone that stands in shadow; empty, if none does
--
-- returns  {'opened', id, cost, ms, {used, ms, ...}, over, {used, ms, ...}}
--                                           reserved; the next send is possible in ms,
--                                           and of each window of the limit of messages
--                                           so much is used, and it has room in ms; then
--                                           whether the one in shadow would have
--                                           refused, and the same of its windows
--          {'resend_cooldown' | 'max_sends' | 'sends_per_phone' |
--           'wrong_checks_per_phone', ms}
--                                           refused, for another ms
--          {'spent', ms}                    no guess is left; it ends in ms
--
-- TTL: the verification lives at least as long as a code from now, so that it cannot
-- end between this step and arm.lua; withdraw.lua takes that back. The log lives as
-- long as its longest window.

local verification, sends, wrong, shadow = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local token, life, cooldown = ARGV[1], tonumber(ARGV[4]), '1/' .. ARGV[7]
local per_phone = ARGV[8]
local at = now()
local id, cost, paid =
    unpack(redis.call('HMGET', verification, 'id', 'cost', 'paid'))
local ends_in = redis.call('PTTL', verification)
local sent = id and redis.call('HLEN', verification) - 3 or 0

local function opened(repeated)
    local over = 0
    if ARGV[10] ~= '' then
        over = overshadow(shadow, ARGV[10], token, at, repeated)
    end
    local resend = math.max(wait(sends, cooldown, at), wait(sends, per_phone, at))
    if sent >= tonumber(ARGV[5]) then
        resend = math.max(resend, life)
    end
    return {
        'opened', id, cost, resend, uses(sends, per_phone, at), over,
        uses(shadow, ARGV[10], at)
    }
end

local reserved = id and redis.call('HGET', verification, token)
if reserved then
    -- Written again, so that a WAIT behind it waits for replicas to have it.
    redis.call('HSET', verification, token, reserved)
    return opened(true)
end

local reason, longest = nil, 0
local function refuse(why, milliseconds)
    if milliseconds > longest then
        reason, longest = why, milliseconds
    end
end

refuse('sends_per_phone', wait(sends, per_phone, at))
refuse('wrong_checks_per_phone', wait(wrong, ARGV[9], at))
if id then
    -- In its last millisecond a verification ends in 0 ms, and still refuses.
    local until_over = math.max(1, ends_in)
    refuse('resend_cooldown', wait(sends, cooldown, at))
    if sent >= tonumber(ARGV[5]) then
        refuse('max_sends', until_over)
    end
    if #paid / 8 >= tonumber(ARGV[6]) then
        refuse('spent', until_over)
    end
end
if reason then
    return {reason, longest}
end

if not id then
    id, cost = ARGV[2], ARGV[3]
    redis.call('HSET', verification, 'id', id, 'cost', cost, 'paid', '')
end
redis.call('HSET', verification, token, '')
if ends_in < life then
    redis.call('PEXPIRE', verification, life)
end
record(sends, per_phone .. ' ' .. cooldown, token, at)
sent = sent + 1
return opened(false)
