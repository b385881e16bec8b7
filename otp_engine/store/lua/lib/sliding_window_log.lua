-- sliding_window_log: counts events against limits, and reads the Redis clock.
--
-- lua_scripts.py prepends this file to every script, because Redis gives scripts no way
-- to share code. Every name in it is local.
--
-- A limit is written "COUNT/MILLISECONDS COUNT/MILLISECONDS ...", one pair a window. An
-- empty limit refuses nothing and records nothing. Its log is a sorted set with one
-- member an event: the idempotency key of the request, scored by the time of the event.
-- Equal keys are one event, so repeating an append or a removal changes nothing.

-- Return the time of the Redis server in milliseconds since 1970.
local function now()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Return the milliseconds until a window accepts one more event; 0 if it does now.
local function retry_after_window(log, count, period, at)
    local nth = redis.call('ZREVRANGE', log, count - 1, count - 1, 'WITHSCORES')
    return nth[2] and math.max(0, nth[2] + period - at) or 0
end

-- Return the milliseconds until *limit* accepts one more event; 0 if it does now.
local function retry_after(log, limit, at)
    local longest = 0
    for count, period in string.gmatch(limit, '(%d+)/(%d+)') do
        longest = math.max(longest, retry_after_window(log, count, period, at))
    end
    return longest
end

-- Return two numbers for each window of *limit*: the events in it, and the milliseconds
-- until it accepts one more.
local function usage(log, limit, at)
    local result = {}
    for count, period in string.gmatch(limit, '(%d+)/(%d+)') do
        result[#result + 1] = redis.call('ZCOUNT', log, '(' .. (at - period), '+inf')
        result[#result + 1] = retry_after_window(log, count, period, at)
    end
    return result
end

-- Return how many more events *limit* accepts now.
local function remaining(log, limit, at)
    local least = math.huge
    for count, period in string.gmatch(limit, '(%d+)/(%d+)') do
        local used = redis.call('ZCOUNT', log, '(' .. (at - period), '+inf')
        least = math.min(least, count - used)
    end
    return least
end

-- Append one event, and delete the events that are older than every window.
local function append(log, limit, key, at)
    local longest = 0
    for period in string.gmatch(limit, '/(%d+)') do
        longest = math.max(longest, tonumber(period))
    end
    if longest > 0 then
        -- ZADD is first: a Redis without memory rejects it only in a script that has
        -- not written yet, and so must not grow.
        redis.call('ZADD', log, at, key)
        redis.call('ZREMRANGEBYSCORE', log, '-inf', at - longest)
        redis.call('PEXPIRE', log, longest)
    end
end

-- Append an event that a limit in shadow mode accepts, and return 0. Return 1 for an
-- event that the limit would refuse. The limit has a log of its own, which holds what
-- it would hold if it were enforced. A repeated request gets the same result.
local function check_shadow(log, limit, key, at, repeated)
    if repeated then
        return redis.call('ZSCORE', log, key) and 0 or 1
    end
    if retry_after(log, limit, at) > 0 then
        return 1
    end
    append(log, limit, key, at)
    return 0
end
