-- challenge: reads the hash of a challenge; keys.py lists its fields.

local CHALLENGE_KEY_BYTES = 8

-- Read the challenge at *key*, if it belongs to the entity at *entity*. An entity that
-- was deleted and created again has another id, and none of the earlier challenges.
--
-- Returns two values: the fields by name, or nil; and the reply of HGETALL.
local function read_challenge(entity, key)
    local entries = redis.call('HGETALL', key)
    local fields = {}
    for i = 1, #entries, 2 do
        fields[entries[i]] = entries[i + 1]
    end
    if not fields.entity or redis.call('HGET', entity, 'id') ~= fields.entity then
        return nil, {}
    end
    return fields, entries
end

-- Return whether *checks*, the idempotency keys of the checks, contains *check*.
local function has_check(checks, check)
    for i = 1, #checks, CHALLENGE_KEY_BYTES do
        if string.sub(checks, i, i + CHALLENGE_KEY_BYTES - 1) == check then
            return true
        end
    end
    return false
end
