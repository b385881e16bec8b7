-- sub_windows: counts the older events of a large limit by sub-windows.
--
-- lua_scripts.py prepends this file to every script. An event in a log takes about 90
-- bytes. So the log of a large limit contains the last minute only, in which a request
-- can be repeated or released. The events before are counted by sub-windows.
--
-- The sums are a sorted set with one member for each sub-window: the number of all
-- events up to its end, scored by that end. The first member is a start, without a
-- sub-window. The difference of two members is the number of events between them, so
-- windows of every period read the same sums.
--
-- A sub-window counts as a whole until its end leaves the window. So no window ever
-- contains more events than its count. An event counts up to 1/512 of the shortest
-- period longer than in a log, and a refusal can be that much early.

-- Milliseconds that events stay in the log. A request takes less, with its retries. If
-- one takes longer, its event stays counted after a release, or counts twice.
local LOGGED = 60000
local SUB_WINDOWS = 512

-- Return the sums at *key*: the key, the sum of all events, and the end of the last
-- sub-window. The caller passes false as *exists* if it knows that there are none.
local function read_sums(key, exists)
    local newest = exists and redis.call('ZREVRANGE', key, 0, 0, 'WITHSCORES') or {}
    return {
        key = key, total = tonumber(newest[1] or 0), last_end = tonumber(newest[2] or 0)
    }
end

-- Return the length of the sub-windows for these *windows*; nil if they need none,
-- because each has a count of *largest_log* at most, or is as short as the log.
local function sub_window_length(windows, largest_log)
    local is_large, shortest = false, math.huge
    for _, window in ipairs(windows) do
        if window.period > LOGGED then
            is_large = is_large or window.count > largest_log
            shortest = math.min(shortest, window.period)
        end
    end
    return is_large and math.ceil(shortest / SUB_WINDOWS) or nil
end

-- Return the sum up to the last sub-window that has ended at *time*, and its end.
local function sum_until(sums, time)
    local entry = redis.call(
        'ZRANGE', sums.key, time, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1, 'WITHSCORES'
    )
    if not entry[1] then
        entry = redis.call('ZRANGE', sums.key, 0, 0, 'WITHSCORES')
    end
    return tonumber(entry[1]), tonumber(entry[2])
end

-- Return the end of the first sub-window up to which there are *count* events.
local function end_of_event(sums, count)
    local low, high = 0, redis.call('ZCARD', sums.key) - 1
    while low < high do
        local middle = math.floor((low + high) / 2)
        local sum = redis.call('ZRANGE', sums.key, middle, middle)[1]
        if tonumber(sum) >= count then
            high = middle
        else
            low = middle + 1
        end
    end
    return tonumber(redis.call('ZRANGE', sums.key, low, low, 'WITHSCORES')[2])
end

-- Keep the sums of *log* until no window counts their last event.
local function keep_sums(log)
    local counted = log.sums.last_end + log.longest - log.at
    if redis.call('PTTL', log.sums.key) < counted then
        redis.call('PEXPIRE', log.sums.key, counted)
    end
end

-- Move the oldest events of *log* to a sub-window, if they are old enough.
local function close_sub_window(log)
    local oldest = tonumber(redis.call('ZRANGE', log.key, 0, 0, 'WITHSCORES')[2])
    local sums = log.sums
    -- After the last one, even if the clock of Redis was set back.
    local ends = math.max(oldest + log.step - 1, sums.last_end + 1)
    if ends + LOGGED > log.at then
        return
    end
    local closed = redis.call('ZREMRANGEBYSCORE', log.key, '-inf', ends)
    if sums.total == 0 then
        redis.call('ZADD', sums.key, oldest - 1, '0')
    end
    redis.call('ZADD', sums.key, ends, string.format('%.0f', sums.total + closed))
    -- The sub-window before the longest window stays, as the start of the others.
    redis.call('ZREMRANGEBYSCORE', sums.key, '-inf', '(' .. (sums.start or 0))
    redis.call('PEXPIRE', sums.key, log.longest)
end
