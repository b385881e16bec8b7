-- shared_limits: counts one event against every shared limit, or against none.
--
-- lua_scripts.py prepends this file to the scripts that use it. They read all logs
-- before they write.

-- Read the logs of the limits, which are ARGV from *first*. A limit with the prefix
-- "shadow" is in shadow mode and refuses nothing. The logs are KEYS from *first_log*,
-- and their packed logs follow.
local function read_shared_logs(first_log, first, at)
    local count, logs = (#KEYS - first_log + 1) / 2, {}
    if count == 0 then
        return logs
    end
    local packed_exist = redis.call('EXISTS', unpack(KEYS, first_log + count)) > 0
    for i = 0, count - 1 do
        local limit = ARGV[first + i]
        local packed = read_packed(KEYS[first_log + count + i], packed_exist)
        local log = read_log(KEYS[first_log + i], limit, at, true, packed)
        log.in_shadow = string.sub(limit, 1, 6) == 'shadow'
        logs[i + 1] = log
    end
    return logs
end

-- Return whether a log contains the event *key*.
local function is_in_log(logs, key)
    for _, log in ipairs(logs) do
        if redis.call('ZSCORE', log.key, key) then
            return true
        end
    end
    return false
end

-- Return the number of the limit that refuses for the longest time, and that time in
-- milliseconds; 0 and 0 if none refuses.
local function find_refusing_log(logs)
    local refused, longest = 0, 0
    for i, log in ipairs(logs) do
        local milliseconds = log.in_shadow and 0 or retry_after(log)
        if milliseconds > longest then
            refused, longest = i, milliseconds
        end
    end
    return refused, longest
end

-- Append the event *key* to all logs. Then append to *reply* a table for each log: 1 if
-- it is in shadow mode and would refuse, else 0; and for each of its windows the events
-- in it, and the milliseconds until it accepts one more.
local function append_to_logs(logs, key, repeated, reply)
    for _, log in ipairs(logs) do
        if not log.in_shadow and append(log, key) == 0 then
            repeated = true
        end
    end
    for _, log in ipairs(logs) do
        -- Last, because the enforced limits have shown whether the request is repeated.
        local over = log.in_shadow and check_shadow(log, key, repeated) or 0
        reply[#reply + 1] = {over, unpack(usage(log))}
    end
end

-- Pack the logs of large limits. The caller has computed its reply from the events in
-- their old places.
local function pack_large_logs(logs, largest_log, block_size)
    for _, log in ipairs(logs) do
        if is_large(log, largest_log) then
            pack(log, block_size)
        end
    end
end
