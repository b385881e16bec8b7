-- packed_log: stores the older events of a large limit in little memory.
--
-- lua_scripts.py prepends this file to every script. An event in a log takes about 90
-- bytes. So the log of a large limit contains the last minute, in which a request can be
-- repeated or released, and a few events more. The packed log contains those before,
-- without their idempotency keys, and counts them as exactly.
--
-- A packed log is a sorted set. A member is a block of events, scored by the time of its
-- last event. Its text is the number of all events up to there in 16 digits, and then
-- the times of its own events, oldest first: the milliseconds before the last one, in
-- four bytes each. Every event is later than those of the block before.
--
-- The difference of two sums is the number of events between them, so windows of every
-- period read the same blocks. A window that starts within a block looks there for its
-- first event.

-- Milliseconds that events stay in the log. A request takes less, with its retries. If
-- one takes longer, its event stays counted after a release, or counts twice.
local LOGGED = 60000
local SUM_DIGITS = 16
local TIME_BYTES = 4
-- 49 days, longer than any window.
local LARGEST_OFFSET = 2 ^ 32 - 1

-- Return the packed log at *key*: the key, the number of all events, and the time of the
-- last one. The caller passes false as *exists* if it knows that there is none.
local function read_packed(key, exists)
    local newest = exists and redis.call('ZREVRANGE', key, 0, 0, 'WITHSCORES') or {}
    return {
        key = key,
        total = tonumber(string.sub(newest[1] or '0', 1, SUM_DIGITS)),
        last = tonumber(newest[2] or 0)
    }
end

-- Return whether one of the windows of *log* has a count over *largest_log*, and is
-- longer than events stay in the log.
local function is_large(log, largest_log)
    for _, window in ipairs(log) do
        if window.count > largest_log and window.period > LOGGED then
            return true
        end
    end
    return false
end

-- Return the block with this *text* and *last* event. The sum before it is *start*.
local function read_block(text, last)
    local sum = tonumber(string.sub(text, 1, SUM_DIGITS))
    local size = (#text - SUM_DIGITS) / TIME_BYTES
    return {text = text, last = tonumber(last), start = sum - size, size = size}
end

-- Return the time of event *i* of a block, from 1.
local function time_in_block(block, i)
    local first = SUM_DIGITS + TIME_BYTES * (i - 1) + 1
    local a, b, c, d = string.byte(block.text, first, first + TIME_BYTES - 1)
    return block.last - (((a * 256 + b) * 256 + c) * 256 + d)
end

-- Return the least of *low*, ..., *high* - 1 for which *is_found* is true, if it is for
-- all above; *high* if there is none.
local function search(low, high, is_found)
    while low < high do
        local middle = math.floor((low + high) / 2)
        if is_found(middle) then
            high = middle
        else
            low = middle + 1
        end
    end
    return low
end

-- Return the number of packed events up to *time*.
local function packed_until(packed, time)
    local entry = redis.call(
        'ZRANGE', packed.key, '(' .. time, '+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES'
    )
    if not entry[1] then
        return packed.total
    end
    local block = read_block(entry[1], entry[2])
    local later = search(1, block.size, function(i)
        return time_in_block(block, i) > time
    end)
    return block.start + later - 1
end

-- Return the time of packed event *i*, from the first one that was ever packed.
local function packed_time(packed, i)
    local found
    search(0, redis.call('ZCARD', packed.key), function(rank)
        local entry = redis.call('ZRANGE', packed.key, rank, rank, 'WITHSCORES')
        local block = read_block(entry[1], entry[2])
        local is_found = block.start + block.size >= i
        found = is_found and block or found
        return is_found
    end)
    return time_in_block(found, i - found.start)
end

-- Delete the blocks in which no window of *log* counts an event, and keep the others as
-- long as the log.
local function expire_packed(log, milliseconds)
    redis.call('ZREMRANGEBYSCORE', log.packed.key, '-inf', log.at - log.longest)
    redis.call('PEXPIRE', log.packed.key, milliseconds)
end

-- Return the text of a block with the events of *entries*, which are members and scores
-- in turn.
local function block_text(total, entries, last)
    local text = {string.format('%0' .. SUM_DIGITS .. '.0f', total + #entries / 2)}
    for i = 2, #entries, 2 do
        local offset = math.min(last - entries[i], LARGEST_OFFSET)
        text[#text + 1] = string.char(
            math.floor(offset / 2 ^ 24), math.floor(offset / 2 ^ 16) % 256,
            math.floor(offset / 2 ^ 8) % 256, offset % 256
        )
    end
    return table.concat(text)
end

-- Move the oldest *size* events of *log* to its packed log, if all are old enough.
--
-- A call moves one block only, because Redis waits for it. After a burst, each of the
-- next events moves one. Events of one millisecond stay together, so that scores are
-- unique. Events before the last block stay in the log; there are some if the clock of
-- Redis was set back.
local function pack(log, size)
    local packed = log.packed
    local first, newest = '(' .. packed.last, log.at - LOGGED
    local entry = redis.call(
        'ZRANGE', log.key, first, newest, 'BYSCORE', 'LIMIT', size - 1, 1, 'WITHSCORES'
    )
    if not entry[1] then
        return
    end
    local last = tonumber(entry[2])
    local entries = redis.call('ZRANGE', log.key, first, last, 'BYSCORE', 'WITHSCORES')
    redis.call('ZADD', packed.key, last, block_text(packed.total, entries, last))
    redis.call('ZREMRANGEBYSCORE', log.key, first, last)
    redis.call('PEXPIRE', packed.key, log.longest)
end
