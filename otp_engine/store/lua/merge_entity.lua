-- merge_entity: store an entity of an archive, unless the stored state is newer.
--
-- Of two states of one entity the one that was changed last is stored as a whole, so a
-- factor that was deleted after the export stays deleted. In both cases a time step
-- never goes back, a recovery code that either state has used stays used, and counted
-- failed checks stay counted. A repetition changes nothing.
--
-- KEYS[1]  otp:{entity}:entity   hash
-- ARGV[1]  milliseconds until the archived entity expires; 0 for one that does not
-- ARGV[2]  name of a field of the archived entity
-- ARGV[3]  its value; further pairs follow
--
-- returns  'created'   there was no such entity
--          'updated'   the archived state was newer, and is stored now
--          'kept'      the stored state is the same or newer
--          'other'     another entity has the identity; nothing was changed
--
-- TTL: ARGV[1] for an entity that was created or updated; else it does not change.

local HASH_BYTES = 32

local key = KEYS[1]
local stored = read_entity(key)
local stored_fields, kept, archived = {}, {}, {}
for field, value in pairs(stored.fields) do
    stored_fields[field], kept[field] = value, value
end
for id, factor in pairs(stored.factors) do
    for name, value in pairs(factor) do
        local field = factor_field(id, name)
        stored_fields[field], kept[field] = value, value
    end
end
for i = 2, #ARGV, 2 do
    archived[ARGV[i]] = ARGV[i + 1]
end

-- Return the recovery codes of *first* that *second* also has: a line, then the hashes.
-- With another line they are other codes, and those of *first* stay.
local function common_codes(first, second)
    local line, hashes = string.match(first, '^([^\n]*\n)(.*)$')
    local other_line, others = string.match(second, '^([^\n]*\n)(.*)$')
    if not line or line ~= other_line then
        return first
    end
    local is_left, common = {}, {}
    for i = 1, #others, HASH_BYTES do
        is_left[string.sub(others, i, i + HASH_BYTES - 1)] = true
    end
    for i = 1, #hashes, HASH_BYTES do
        local hash = string.sub(hashes, i, i + HASH_BYTES - 1)
        if is_left[hash] then
            table.insert(common, hash)
        end
    end
    return line .. table.concat(common)
end

-- Merge what never goes back into *target*, the fields of the state that is stored.
local function merge(target, id, is_archived)
    local factor = stored.factors[id]
    local step, recovery = factor_field(id, 'step'), factor_field(id, 'recovery')
    local latest = math.max(tonumber(factor.step or -1), tonumber(archived[step] or -1))
    if latest >= 0 then
        target[step] = string.format('%.0f', latest)
    end
    if factor.recovery and archived[recovery] then
        local first, second = factor.recovery, archived[recovery]
        if is_archived then
            first, second = second, first
        end
        target[recovery] = common_codes(first, second)
    else
        -- An archive of another data key has no codes; those stored here stay valid.
        target[recovery] = factor.recovery
    end
    if is_archived then
        -- The approved checks too, for a request that repeats one during the import.
        for _, name in ipairs({'failures', 'recovery_failures', 'accepted', 'recovered'})
        do
            local field = factor_field(id, name)
            target[field] = factor[name] or target[field]
        end
    end
end

local function write(target)
    -- HSET is first: a Redis without memory rejects it only in a script that has not
    -- written yet.
    for field, value in pairs(target) do
        redis.call('HSET', key, field, value)
    end
    for field in pairs(stored_fields) do
        if target[field] == nil then
            redis.call('HDEL', key, field)
        end
    end
end

local function set_expiry()
    if ARGV[1] == '0' then
        redis.call('PERSIST', key)
    else
        redis.call('PEXPIRE', key, ARGV[1])
    end
end

if not stored.fields.id then
    write(archived)
    set_expiry()
    return 'created'
elseif stored.fields.id ~= archived.id then
    return 'other'
end

local is_archived = tonumber(archived.updated_at) > tonumber(stored.fields.updated_at)
local target = is_archived and archived or kept
for _, id in ipairs(stored.ids) do
    if archived[factor_field(id, 'record')] then
        merge(target, id, is_archived)
    end
end
write(target)
if is_archived then
    set_expiry()
    return 'updated'
end
return 'kept'
