-- deliveries: reads the hash of the deliveries of a verification; keys.py lists its
-- fields.

local STATUS, SENT_AT, EXPIRES_AT = ':status', ':sent_at', ':expires_at'
local PLAN, MARK = ':plan', ':mark'

-- The rank of `delivered`; see `domain.messages.delivery_reports`.
local DELIVERED = 3

-- Return the rank of a stored status, such as '1 sent twilio'; -1 without one.
local function rank_of(status)
    return tonumber(string.match(status or '', '^%d+') or -1)
end

-- Return the provider that has reported a stored status.
local function provider_of(status)
    return string.match(status, ' (%S+)$')
end

local function has_arrived(status)
    return rank_of(status) >= DELIVERED
end

-- Let the hash at *key* expire in *ttl* milliseconds at the earliest.
local function extend_deliveries(key, ttl)
    ttl = math.max(ttl, 1)
    if redis.call('PTTL', key) < ttl then
        redis.call('PEXPIRE', key, ttl)
    end
end
