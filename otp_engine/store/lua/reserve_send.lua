-- reserve_send: reserve one send to a phone, and start a verification if needed.
--
-- The script reads the cooldown, the phone's limits, the sends and the attempts before
-- it writes, in one step. So simultaneous sends cannot share the last slot, and a
-- refused send uses nothing up. A code that could never be checked is refused before
-- it is counted.
--
-- KEYS[1]   otp:{phone}:verification   hash: id, argon2, checks, one field a send
-- KEYS[2]   otp:{phone}:sends          zset: one member a message
-- KEYS[3]   otp:{phone}:failed_checks  zset: one member a failed check by number
-- KEYS[4]   otp:{phone}:sends:shadow   zset: messages that the shadow limit accepts
-- KEYS[5]   otp:{phone}:provider_rejections
--                                      hash: by channel and sender, the time at which
--                                      a provider's rejection of this phone expires
--                                      (ms, decimal), and its reason; and likewise by
--                                      channel, why the channel does not reach it
-- KEYS[6]   otp:{phone}:consecutive_failures
--                                      zset: one member a failed check of any kind
-- KEYS[7]   otp:{phone}:proven         string: messages that a proven phone may have
-- KEYS[8]   otp:{phone}:bound          zset: bound verifications, scored by their end;
--                                      present for a bound verification only
-- ARGV[1]   idempotency key of the send, 8 bytes
-- ARGV[2]   id of a new verification; empty to accept a live verification only
-- ARGV[3]   Argon2 parameters of a new verification
-- ARGV[4]   lifetime of a code in milliseconds
-- ARGV[5]   maximum number of messages of a verification
-- ARGV[6]   maximum number of checks of a verification
-- ARGV[7]   milliseconds between two messages of one verification; empty for a fallback,
--           which has no cooldown and starts none
-- ARGV[8]   enforced limit of messages to this phone
-- ARGV[9]   limit of failed checks of this phone; empty for a bound verification
-- ARGV[10]  shadow limit of messages to this phone; empty without one
-- ARGV[11]  limit of consecutive failed checks of this phone
-- ARGV[12]  member of KEYS[8] for this verification
-- ARGV[13...] the channels that the message can take, in order, and after each of them
--           the field of KEYS[5] with a rejection of its sender
--
-- returns  {'reserved', id, argon2, end, ms, {used, ms, ...}, over, {used, ms, ...},
--           proven, {channel, ...}}
--                                           reserved; the code of this send expires at
--                                           end (ms since 1970); the next send is
--                                           possible in ms; for each window of the enforced limit the
--                                           messages in it, and ms until it accepts one
--                                           more; 1 if the shadow limit would refuse
--                                           this send, else 0; its windows likewise; 1
--                                           if the phone is proven, else 0; and the
--                                           channels that do not reach the phone
--          {'resend_cooldown' | 'max_sends' | 'sends_per_phone' |
--           'failed_checks_per_phone' | 'max_consecutive_failures', ms, at}
--                                           refused at that time (ms since 1970) for
--                                           another ms
--          {'max_attempts_reached', ms, at} no attempt remains; the verification ends
--                                           in ms
--          {'not_found'}                    ARGV[2] is empty and no verification is live
--          {'provider_rejection', text}     a provider rejected this phone recently on
--                                           the first channel that can reach it, or no
--                                           channel can
--
-- TTL: the verification expires no earlier than the code of this send;
-- release_send.lua reverts that. The log of sends expires after its longest window, or
-- up to ten minutes later, and no earlier than a code: during a pepper rotation it marks
-- the phone as in use (phone_state.lua). The proven phone keeps its expiry. The index of bound verifications expires with
-- the last of them.

local verification, sends, shadow = KEYS[1], KEYS[2], KEYS[4]
local key, ttl, cooldown = ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[7]) or 0
local max_sends = tonumber(ARGV[5])
local at = now()
-- Most phones have no key yet, so one command replaces the reads of all keys.
local exists = redis.call('EXISTS', unpack(KEYS, 1, 7)) > 0
local pending = read_verification(verification, at, exists)
local id, argon2 = pending.fields.id, pending.fields.argon2
local sent = #pending.sends
local log = read_log(sends, ARGV[8], at, exists)
local shadow_log = read_log(shadow, ARGV[10], at, exists)

-- Return the reason of a live rejection.
local function read_rejection(stored)
    local expires, text = string.match(stored or '', '^(%d+) (.*)$')
    return expires and tonumber(expires) > at and text or nil
end

-- Return the channels that do not reach the phone, and why no message can be sent.
local function read_rejections()
    local fields, unreachable = {}, {}
    for i = 13, #ARGV, 2 do
        table.insert(fields, UNREACHABLE .. ARGV[i])
        table.insert(fields, ARGV[i + 1])
    end
    local stored = exists and redis.call('HMGET', KEYS[5], unpack(fields)) or {}
    local is_reachable, reason = false, nil
    for i = 1, #fields, 2 do
        local text = read_rejection(stored[i])
        if text then
            table.insert(unreachable, ARGV[12 + i])
            reason = is_reachable and reason or text
        elseif not is_reachable then
            is_reachable, reason = true, read_rejection(stored[i + 1])
        end
    end
    return unreachable, reason
end
local unreachable, rejected = read_rejections()

-- Return the milliseconds until the cooldown after the last requested send ends.
local function cooldown_left()
    local last = last_requested(pending, sends)
    return last < 0 and 0 or math.max(0, last + cooldown - at)
end

-- Return the rule that refuses for the longest time, and that time in milliseconds.
local function find_refusal()
    local reason, longest = nil, 0
    local function refuse(rule, milliseconds)
        if milliseconds > longest then
            reason, longest = rule, milliseconds
        end
    end
    refuse('sends_per_phone', retry_after(log))
    refuse('failed_checks_per_phone', retry_after(read_log(KEYS[3], ARGV[9], at)))
    refuse('max_consecutive_failures', retry_after(read_log(KEYS[6], ARGV[11], at)))
    if id then
        -- In its last millisecond a verification has a PTTL of 0, and still refuses.
        local until_end = math.max(1, redis.call('PTTL', verification))
        refuse('resend_cooldown', cooldown_left())
        if sent >= max_sends then
            refuse('max_sends', until_end)
        end
        if #pending.fields.checks / 8 >= tonumber(ARGV[6]) then
            refuse('max_attempts_reached', until_end)
        end
    end
    return reason, longest
end

-- Whether this send uses one message of a proven phone. A field of the verification
-- stores it, for a repeated request and for release_send.lua.
local proven, proven_field = KEYS[7], 'p' .. key
local uses_proven = pending.fields[proven_field] ~= nil

local function extend(name)
    if not exists or redis.call('PTTL', name) < ttl then
        redis.call('PEXPIRE', name, ttl)
    end
end

-- Return the reply for a send that is counted, and extend its verification.
local function reserved(repeated)
    extend(verification)
    local over = 0
    if ARGV[10] ~= '' then
        over = check_shadow(shadow_log, key, repeated)
    end
    local resend = math.max(repeated and cooldown_left() or cooldown, retry_after(log))
    if sent >= max_sends then
        resend = math.max(resend, ttl)
    end
    return {
        'reserved', id, argon2, at + ttl, resend, usage(log), over, usage(shadow_log),
        uses_proven and 1 or 0, unreachable
    }
end

if pending.fields[key] then
    -- The write is repeated, so that the WAIT after it covers it.
    redis.call('HSET', verification, key, pending.fields[key])
    return reserved(true)
end
if not id and ARGV[2] == '' then
    return {'not_found'}
end
if exists then
    if rejected then
        return {'provider_rejection', rejected}
    end
    local reason, milliseconds = find_refusal()
    if reason then
        return {reason, milliseconds, at}
    end
end

if id then
    redis.call('HSET', verification, key, '')
else
    id, argon2 = ARGV[2], ARGV[3]
    redis.call('HSET', verification, 'id', id, 'argon2', argon2, 'checks', '', key, '')
end
if ARGV[7] == '' then
    redis.call('HSET', verification, fallback_field(key), '')
end
if exists and tonumber(redis.call('GET', proven) or 0) > 0 then
    uses_proven = true
    redis.call('DECR', proven)
    redis.call('HSET', verification, proven_field, '')
end
sent = sent + 1
-- The log also serves the cooldown, and marks the phone as in use.
log.longest, log.in_use = math.max(log.longest, cooldown, ttl), exists
append(log, key)
if KEYS[8] then
    redis.call('ZADD', KEYS[8], at + ttl, ARGV[12])
    redis.call('ZREMRANGEBYSCORE', KEYS[8], '-inf', at)
    extend(KEYS[8])
end
return reserved(false)
