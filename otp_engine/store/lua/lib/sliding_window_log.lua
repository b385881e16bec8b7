-- sliding_window_log: counts events against limits, and reads the Redis clock.
--
-- lua_scripts.py prepends this file to every script, because Redis gives scripts no way
-- to share code. Every name in it is local.
--
-- A limit is written "COUNT/MILLISECONDS COUNT/MILLISECONDS ...", one pair a window. An
-- empty limit refuses nothing and records nothing. Its log is a sorted set with one
-- member an event: the idempotency key of the request, scored by the time of the event.
-- Equal keys are one event, so repeating an append or a removal changes nothing.
--
-- packed_log.lua stores the older events of large limits.
--
-- A script reads each log once, before it writes, and computes the rest from that.

-- Return the time of the Redis server in milliseconds since 1970.
local function now()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Read how many events each window of *limit* contains. The caller passes false as
-- *exists* if it knows that the log is empty, and *packed* for a log that can have a
-- packed log.
--
-- Returns a table with one {count, period, used, start} a window, where start is the
-- number of packed events before it, and:
--   key      the key of the log
--   at       the time of the reading
--   longest  the longest period; 0 for an empty limit
--   in_use   whether a window contains an event
--   packed   the packed log
local function read_log(key, limit, at, exists, packed)
    local log = {key = key, at = at, longest = 0, in_use = false, packed = packed}
    for count, period in string.gmatch(limit, '(%d+)/(%d+)') do
        local window = {count = tonumber(count), period = tonumber(period), used = 0}
        if exists ~= false then
            window.used = redis.call('ZCOUNT', key, '(' .. (at - period), '+inf')
        end
        if packed and packed.total > 0 then
            window.start = packed_until(packed, at - period)
            window.used = window.used + packed.total - window.start
        end
        log.in_use = log.in_use or window.used > 0
        log.longest = math.max(log.longest, window.period)
        log[#log + 1] = window
    end
    return log
end

-- Return the milliseconds until a window accepts one more event; 0 if it does now.
local function window_wait(log, window)
    if window.used < window.count then
        return 0
    end
    if window.start then
        local last_to_leave = window.start + window.used - window.count + 1
        if last_to_leave <= log.packed.total then
            return packed_time(log.packed, last_to_leave) + window.period - log.at
        end
    end
    local nth = window.count - 1
    local entry = redis.call('ZREVRANGE', log.key, nth, nth, 'WITHSCORES')
    return entry[2] + window.period - log.at
end

-- Return the milliseconds until all windows accept one more event; 0 if they do now.
local function retry_after(log)
    local longest = 0
    for _, window in ipairs(log) do
        longest = math.max(longest, window_wait(log, window))
    end
    return longest
end

-- Return two numbers for each window: the events in it, and the milliseconds until it
-- accepts one more.
local function usage(log)
    local result = {}
    for _, window in ipairs(log) do
        result[#result + 1] = window.used
        result[#result + 1] = window_wait(log, window)
    end
    return result
end

-- Return how many more events the limit accepts now.
local function remaining(log)
    local least = math.huge
    for _, window in ipairs(log) do
        least = math.min(least, window.count - window.used)
    end
    return least
end

-- Set the expiry of *log*, and delete the events that are older than every window.
--
-- The log must not expire while a window counts one of its events. A log with one event
-- expires exactly after the longest period. A log in use expires up to ten minutes
-- later, so most appends read its expiry and write nothing. A later expiry is from a
-- longer period, before a change of the policy. A repeated request writes the expiry, so
-- that the WAIT after it covers a write.
local function expire(log, repeated)
    if not log.in_use then
        redis.call('PEXPIRE', log.key, log.longest)
        return
    end
    local latest = log.longest + math.min(math.ceil(log.longest / 8), 600000)
    if not repeated then
        local ttl = redis.call('PTTL', log.key)
        if ttl >= log.longest and ttl <= latest then
            return
        end
    end
    redis.call('ZREMRANGEBYSCORE', log.key, '-inf', log.at - log.longest)
    redis.call('PEXPIRE', log.key, latest)
    if log.packed and log.packed.total > 0 then
        expire_packed(log, latest)
    end
end

-- Append the event *key*, and return 1; return 0 if the log contains it.
local function append(log, key)
    if log.longest == 0 then
        return 0
    end
    -- ZADD is first: a Redis without memory rejects it only in a script that has not
    -- written yet, and so must not grow.
    local added = redis.call('ZADD', log.key, 'NX', log.at, key)
    for _, window in ipairs(log) do
        window.used = window.used + added
    end
    expire(log, added == 0)
    return added
end

-- Append an event that a limit in shadow mode accepts, and return 0. Return 1 for an
-- event that the limit would refuse. The limit has a log of its own, which holds what
-- it would hold if it were enforced. A repeated request gets the same result.
local function check_shadow(log, key, repeated)
    -- Without an enforced limit only this log shows that a request is repeated.
    if repeated or remaining(log) <= 0 then
        return redis.call('ZSCORE', log.key, key) and 0 or 1
    end
    append(log, key)
    return 0
end
