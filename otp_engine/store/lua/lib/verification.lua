-- verification: reads the hash of a verification; keys.py lists its fields.
--
-- lua_scripts.py prepends this file to every script. A field with a name of 8 bytes is
-- a send, named by its idempotency key. Its value is empty while the send is reserved;
-- after the commit it is the code's 32-byte hash and the time at which the code expires
-- (milliseconds since 1970, decimal). A dot at the end of that number marks a message
-- that the pumping guard has counted. The channel of a code is in a field of its own,
-- because an earlier release reads no other text in the value; without it, the code was
-- sent by SMS.

local COUNTED = '.'
local SMS = 'sms'
-- Start of the field of a phone's provider rejections with a channel that does not reach
-- it. No other field has a colon.
local UNREACHABLE = 'channel:'

-- Return the field with the channel of a send. Its name has 9 bytes, so it is no send.
local function channel_field(name)
    return 'c' .. name
end

-- Return the field that marks a fallback. It has no cooldown and starts none.
local function fallback_field(name)
    return 'f' .. name
end

-- Read the hash at *key*. The caller passes false as *exists* if it knows that there is
-- none.
--
-- Returns a table:
--   fields       all fields, by name
--   sends        the names of the sends, reserved and committed
--   committed    number of committed sends
--   counted      number of those that the pumping guard has counted
--   code_hashes  the hashes of the codes that are live at the time *at*
--   channels     the channel of each of these codes
--   last_end     time at which the last code expires or expired; 0 without a code
--   last_channel the channel of that code
local function read_verification(key, at, exists)
    local result =
        {
            fields = {}, sends = {}, committed = 0, counted = 0, code_hashes = {},
            channels = {}, last_end = 0, last_channel = SMS
        }
    local entries = exists == false and {} or redis.call('HGETALL', key)
    for i = 1, #entries, 2 do
        local name, value = entries[i], entries[i + 1]
        result.fields[name] = value
        if #name == 8 then
            table.insert(result.sends, name)
        end
    end
    for _, name in ipairs(result.sends) do
        local value = result.fields[name]
        if value ~= '' then
            local channel = result.fields[channel_field(name)] or SMS
            local ends = tonumber(string.sub(value, 33))
            result.committed = result.committed + 1
            if string.sub(value, -1) == COUNTED then
                result.counted = result.counted + 1
            end
            -- Of codes that expire together, the later field is of the later send.
            if ends >= result.last_end then
                result.last_end, result.last_channel = ends, channel
            end
            if ends > at then
                table.insert(result.code_hashes, string.sub(value, 1, 32))
                table.insert(result.channels, channel)
            end
        end
    end
    return result
end

-- Return the time of the last send of *verification* that is no fallback; -1 without one
-- in the log *sends* of the phone.
local function last_requested(verification, sends)
    local last = -1
    for _, name in ipairs(verification.sends) do
        if not verification.fields[fallback_field(name)] then
            last = math.max(last, tonumber(redis.call('ZSCORE', sends, name) or -1))
        end
    end
    return last
end
