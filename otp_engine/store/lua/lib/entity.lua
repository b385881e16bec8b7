-- entity: reads and changes the hash of an entity; keys.py lists its fields.
--
-- A factor is named by its id, 16 bytes. Its fields are the id, a colon and a name, so a
-- field of a factor has a colon as its byte 17. Fields of the entity itself are shorter.
--
-- The failed checks of a factor are one text: for each an idempotency key of 8 bytes and
-- the time in milliseconds since 1970, 13 digits. They are in the hash, and not in a
-- sorted set of their own, so that a check needs no key that depends on the factor.

-- The approved checks of a factor have the same form, with the latest one first.

local ID_BYTES = 16
local CHECK_BYTES = 21
-- As many as the largest window has time steps: a request with a lost reply finds its
-- approval again although others were approved in the meantime.
local STORED_APPROVALS = 5
local FACTOR_FIELDS = {
    'record', 'created_at', 'updated_at', 'verified_at', 'step', 'accepted', 'failures',
    'recovery', 'recovered', 'recovery_failures',
}

-- Return the name of a field of a factor.
local function factor_field(id, name)
    return id .. ':' .. name
end

-- Read the hash at *key*.
--
-- Returns a table:
--   fields   the fields of the entity, by name
--   factors  for each factor its fields by name, by the id of the factor
--   ids      the ids of the factors, oldest first
local function read_entity(key)
    local result = {fields = {}, factors = {}, ids = {}}
    local entries = redis.call('HGETALL', key)
    for i = 1, #entries, 2 do
        local field, value = entries[i], entries[i + 1]
        if string.sub(field, ID_BYTES + 1, ID_BYTES + 1) == ':' then
            local id = string.sub(field, 1, ID_BYTES)
            if not result.factors[id] then
                result.factors[id] = {}
                table.insert(result.ids, id)
            end
            result.factors[id][string.sub(field, ID_BYTES + 2)] = value
        else
            result.fields[field] = value
        end
    end
    table.sort(result.ids, function(a, b)
        local a_at, b_at = result.factors[a].created_at, result.factors[b].created_at
        return a_at < b_at or (a_at == b_at and a < b)
    end)
    return result
end

-- Return the id of the authenticator: the factor that an activation made it, else the
-- one that was verified last; nil without a verified factor.
local function authenticator_of(entity)
    local chosen = entity.fields.authenticator
    if chosen and entity.factors[chosen] then
        return chosen
    end
    local latest
    for _, id in ipairs(entity.ids) do
        local at = entity.factors[id].verified_at
        if at and (not latest or at >= entity.factors[latest].verified_at) then
            latest = id
        end
    end
    return latest
end

-- Read one factor of the hash at *key*, which costs the same however many there are.
--
-- Returns a table like that of read_entity, without the other factors.
local function read_factor(key, id)
    local names = {'id'}
    for _, name in ipairs(FACTOR_FIELDS) do
        table.insert(names, factor_field(id, name))
    end
    local values = redis.call('HMGET', key, unpack(names))
    local result = {fields = {id = values[1]}, factors = {}, ids = {}}
    local factor = {}
    for i, name in ipairs(FACTOR_FIELDS) do
        factor[name] = values[i + 1] or nil
    end
    if factor.record then
        result.factors[id], result.ids[1] = factor, id
    end
    return result
end

-- Read the factor that is checked, and return its entity and its id.
--
-- With an empty *id* it is the authenticator, or with *activates* the factor that is
-- being enrolled. All factors are read only to find the one that was verified last.
local function read_checked_factor(key, id, activates)
    if id ~= '' then
        return read_factor(key, id), id
    end
    local named = redis.call('HMGET', key, 'enrolling', 'authenticator')
    id = activates and named[1] or named[2]
    local entity = id and read_factor(key, id)
    if not entity or not entity.factors[id] then
        entity = read_entity(key)
        id = authenticator_of(entity)
    end
    return entity, id
end

-- Delete the fields of a factor, and what names it.
local function delete_factor(key, entity, id)
    for name in pairs(entity.factors[id]) do
        redis.call('HDEL', key, factor_field(id, name))
    end
    for _, name in ipairs({'authenticator', 'enrolling'}) do
        if entity.fields[name] == id then
            redis.call('HDEL', key, name)
        end
    end
end

-- Read the failed checks of a factor from their text, oldest first.
--
-- Returns a table of times, with the idempotency keys in *keys*.
local function read_failures(text)
    local times = {keys = {}}
    for i = 1, #text, CHECK_BYTES do
        table.insert(times.keys, string.sub(text, i, i + 7))
        table.insert(times, tonumber(string.sub(text, i + 8, i + 20)))
    end
    return times
end

-- Return how many more failed checks a limit accepts, and the milliseconds until it
-- accepts one. The windows are those of sliding_window_log.lua.
local function failures_left(times, limit, at)
    local least, longest = math.huge, 0
    for count, period in string.gmatch(limit, '(%d+)/(%d+)') do
        local size, window = tonumber(count), {}
        for _, time in ipairs(times) do
            if time > at - tonumber(period) then
                table.insert(window, time)
            end
        end
        least = math.min(least, size - #window)
        if #window >= size then
            -- They have the order of the checks, and the clock can have gone back.
            table.sort(window)
            local leaves = window[#window - size + 1] + tonumber(period)
            longest = math.max(longest, leaves - at)
        end
    end
    return math.max(0, least), longest
end

-- Return whether the failed checks include the one with this idempotency key.
local function has_failure(times, check)
    for _, counted in ipairs(times.keys) do
        if counted == check then
            return true
        end
    end
    return false
end

-- Return the text of the approved checks with one more.
local function add_approval(text, check, at)
    local longer = check .. string.format('%013.0f', at) .. text
    return string.sub(longer, 1, STORED_APPROVALS * CHECK_BYTES)
end

-- Return when the check with this idempotency key was approved, in milliseconds since
-- 1970; nil if it was not.
local function approved_at(text, check)
    local approvals = read_failures(text)
    for i, approved in ipairs(approvals.keys) do
        if approved == check then
            return approvals[i]
        end
    end
end

-- Return how many attempts a verified factor has, the milliseconds until the next one,
-- and the name of the limit that takes longest.
local function verified_attempts(times, limit, consecutive_limit, at)
    local budget, budget_wait = failures_left(times, limit, at)
    local consecutive, disabled = failures_left(times, consecutive_limit, at)
    local name = 'failed_checks_per_factor'
    if disabled > budget_wait then
        name = 'max_consecutive_failures'
    end
    return math.min(budget, consecutive), math.max(budget_wait, disabled), name
end

-- Return the longest period of two limits, in milliseconds.
local function longest_window(limit, other_limit)
    local longest = 0
    for period in string.gmatch(limit .. ' ' .. other_limit, '/(%d+)') do
        longest = math.max(longest, tonumber(period))
    end
    return longest
end

-- Return the text of the failed checks that are newer than a time; false keeps all.
local function failures_text(times, oldest)
    local kept = {}
    for i, counted in ipairs(times.keys) do
        if not oldest or times[i] > oldest then
            table.insert(kept, counted .. string.format('%013.0f', times[i]))
        end
    end
    return table.concat(kept)
end

-- Return the reply of a reserved check: its time, the attempts left, with none the
-- milliseconds until the next one, the ids of the entity and of the factor, and the
-- fields of the factor.
local function reservation(at, left, wait, entity, id)
    local reply = {'reserved', at, left, left == 0 and wait or 0, entity.fields.id, id}
    for name, value in pairs(entity.factors[id]) do
        table.insert(reply, name)
        table.insert(reply, value)
    end
    return reply
end
