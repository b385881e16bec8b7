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

-- Milliseconds until *limit* lets one more event through; 0 if it does so at once.
local function wait(log, limit, at)
    local longest = 0
    for count, period in string.gmatch(limit, '(%d+)/(%d+)') do
        local nth = redis.call('ZREVRANGE', log, count - 1, count - 1, 'WITHSCORES')
        if nth[2] then
            longest = math.max(longest, nth[2] + period - at)
        end
    end
    return longest
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
