-- sliding_log: the words that every script with a limit speaks.
--
-- Not a script of its own: scripts.py puts it in front of each of them, because
-- Redis gives scripts no way to share code. Everything in it is local.
--
-- A limit is written "COUNT/MILLISECONDS COUNT/MILLISECONDS ..."; an empty one never
-- refuses and records nothing. Its log is a sorted set with a member for each event,
-- named by the token of the request that caused it, scored by when it happened. Equal
-- tokens are one event, so charging twice or giving back twice changes nothing.

local function now()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Milliseconds until a window has room for one more event; 0 if it has at once.
local function wait_for_window(log, count, period, at)
    local nth = redis.call('ZREVRANGE', log, count - 1, count - 1, 'WITHSCORES')
    return nth[2] and math.max(0, nth[2] + period - at) or 0
end

-- Milliseconds until *limit* lets one more event through; 0 if it does so at once.
local function wait(log, limit, at)
    local longest = 0
    for count, period in string.gmatch(limit, '(%d+)/(%d+)') do
        longest = math.max(longest, wait_for_window(log, count, period, at))
    end
    return longest
end

-- For each window of *limit* two numbers: the events in it, and milliseconds until it
-- has room for one more.
local function uses(log, limit, at)
    local said = {}
    for count, period in string.gmatch(limit, '(%d+)/(%d+)') do
        said[#said + 1] = redis.call('ZCOUNT', log, '(' .. (at - period), '+inf')
        said[#said + 1] = wait_for_window(log, count, period, at)
    end
    return said
end

-- How many more events *limit* lets through at once.
local function room(log, limit, at)
    local least = math.huge
    for count, period in string.gmatch(limit, '(%d+)/(%d+)') do
        local counted = redis.call('ZCOUNT', log, '(' .. (at - period), '+inf')
        least = math.min(least, count - counted)
    end
    return least
end

-- Count one event, and forget those that no window reaches any more.
local function record(log, limit, token, at)
    local longest = 0
    for period in string.gmatch(limit, '/(%d+)') do
        longest = math.max(longest, tonumber(period))
    end
    if longest > 0 then
        -- Adding comes first: a Redis that is full refuses it only to a script that has
        -- not yet written, and must not be made to grow.
        redis.call('ZADD', log, at, token)
        redis.call('ZREMRANGEBYSCORE', log, '-inf', at - longest)
        redis.call('PEXPIRE', log, longest)
    end
end

-- Count one event that *limit* would let through, and say 0; or say 1 for one that it
-- would refuse. A limit in shadow has a log of its own, so that it sees what it would
-- have seen if it had refused all along. The same token is told the same.
local function overshadow(log, limit, token, at, repeated)
    if repeated then
        return redis.call('ZSCORE', log, token) and 0 or 1
    end
    if wait(log, limit, at) > 0 then
        return 1
    end
    record(log, limit, token, at)
    return 0
end
