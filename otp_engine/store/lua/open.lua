-- open: reserve one send to a phone, and begin a verification if none is alive.
--
-- The cooldown, the phone's limits, the sends and the guesses left are all read
-- before anything is written, in one step, so that simultaneous sends cannot share
-- the last place, and a refused one uses nothing up. A code that could never be
-- checked is refused here, before it is paid for.
--
-- KEYS[1]   otp:{phone}:verification   hash: id, cost, paid, a field a send
-- KEYS[2]   otp:{phone}:sends          zset: one member a message
-- KEYS[3]   otp:{phone}:wrong          zset: one member a failed check by number
-- KEYS[4]   otp:{phone}:sends:shadow   zset: messages that the shadow would let through
-- KEYS[5]   otp:{phone}:refusal        hash: by sender, when a provider's refusal of
--                                      this phone ends (ms, decimal), and why
-- KEYS[6]   otp:{phone}:failures       zset: one member a failed check of any kind
-- KEYS[7]   otp:{phone}:bound          zset: bound verifications, scored by their end;
--                                      only given for a bound verification
-- ARGV[1]   the send's token, 8 bytes
-- ARGV[2]   id of the verification, if one begins; empty if only a live one may be used
-- ARGV[3]   cost of hashing its codes, if one begins
-- ARGV[4]   life of a code in milliseconds
-- ARGV[5]   messages a verification may have
-- ARGV[6]   guesses a verification may have
-- ARGV[7]   milliseconds between two messages of one verification
-- ARGV[8]   limit of messages to this phone
-- ARGV[9]   limit of wrong guesses at this phone; empty for a bound verification
-- ARGV[10]  limit of messages to this phone that stands in shadow; empty, if none does
-- ARGV[11]  limit of consecutive failed checks of this phone
-- ARGV[12]  member of KEYS[7] for this verification
-- ARGV[13]  the sender: field of KEYS[5]
--
-- returns  {'opened', id, cost, ms, {used, ms, ...}, over, {used, ms, ...}}
--                                           reserved; the next send is possible in ms,
--                                           and of each window of the limit of messages
--                                           so much is used, and it has room in ms; then
--                                           whether the one in shadow would have
--                                           refused, and the same of its windows
--          {'resend_cooldown' | 'max_sends' | 'sends_per_phone' |
--           'failed_checks_per_phone' | 'max_consecutive_failures', ms}
--                                           refused, for another ms
--          {'spent', ms}                    no guess is left; it ends in ms
--          {'none'}                         ARGV[2] is empty and nothing is alive
--          {'refusal', text}                a provider refused this phone recently
--
-- TTL: the verification lives at least as long as a code from now, so that it cannot
-- end between this step and arm.lua; withdraw.lua takes that back. The log of sends
-- lives as long as its longest window, and at least as long as a code: during a pepper
-- rotation it marks the phone as in use (standing.lua). The index of bound
-- verifications lives as long as the last of them.

local verification, sends, wrong, shadow = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local token, life, cooldown = ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[7])
local per_phone = ARGV[8]
local at = now()
local fields = redis.call('HKEYS', verification)
local id, cost, paid =
    unpack(redis.call('HMGET', verification, 'id', 'cost', 'paid'))
local ends_in = redis.call('PTTL', verification)
local sent = id and #fields - 3 or 0

-- Milliseconds until the cooldown after this verification's last send ends.
local function cooldown_wait()
    local last = -math.huge
    for _, name in ipairs(fields) do
        if #name == 8 then
            last = math.max(last, tonumber(redis.call('ZSCORE', sends, name) or last))
        end
    end
    return math.max(0, last + cooldown - at)
end

local function opened(repeated)
    local over = 0
    if ARGV[10] ~= '' then
        over = overshadow(shadow, ARGV[10], token, at, repeated)
    end
    local resend = math.max(cooldown, wait(sends, per_phone, at))
    if repeated then
        resend = math.max(cooldown_wait(), wait(sends, per_phone, at))
    end
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

if not id and ARGV[2] == '' then
    return {'none'}
end
local refusal = redis.call('HGET', KEYS[5], ARGV[13])
local refused_until, why = string.match(refusal or '', '^(%d+) (.*)$')
if refused_until and tonumber(refused_until) > at then
    return {'refusal', why}
end

local reason, longest = nil, 0
local function refuse(why, milliseconds)
    if milliseconds > longest then
        reason, longest = why, milliseconds
    end
end

refuse('sends_per_phone', wait(sends, per_phone, at))
refuse('failed_checks_per_phone', wait(wrong, ARGV[9], at))
refuse('max_consecutive_failures', wait(KEYS[6], ARGV[11], at))
if id then
    -- In its last millisecond a verification ends in 0 ms, and still refuses.
    local until_over = math.max(1, ends_in)
    refuse('resend_cooldown', cooldown_wait())
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
record(sends, per_phone .. ' 1/' .. cooldown .. ' 1/' .. life, token, at)
if KEYS[7] then
    redis.call('ZADD', KEYS[7], at + life, ARGV[12])
    redis.call('ZREMRANGEBYSCORE', KEYS[7], '-inf', at)
    if redis.call('PTTL', KEYS[7]) < life then
        redis.call('PEXPIRE', KEYS[7], life)
    end
end
sent = sent + 1
return opened(false)
