-- verification: reads the hash of a verification; keys.py lists its fields.
--
-- lua_scripts.py prepends this file to every script. A field with a name of 8 bytes is
-- a send, named by its idempotency key. Its value is empty while the send is reserved;
-- after the commit it is the code's 32-byte hash and the time at which the code expires
-- (milliseconds since 1970, decimal). A dot at the end of that number marks a message
-- that the pumping guard has counted.

local COUNTED = '.'

-- Read the hash at *key*. The caller passes false as *exists* if it knows that there is
-- none.
--
-- Returns a table:
--   fields       all fields, by name
--   sends        the names of the sends, reserved and committed
--   committed    number of committed sends
--   counted      number of those that the pumping guard has counted
--   code_hashes  the hashes of the codes that are live at the time *at*
--   last_end     time at which the last code expires or expired; 0 without a code
local function read_verification(key, at, exists)
    local result =
        {
            fields = {}, sends = {}, committed = 0, counted = 0, code_hashes = {},
            last_end = 0
        }
    local entries = exists == false and {} or redis.call('HGETALL', key)
    for i = 1, #entries, 2 do
        local name, value = entries[i], entries[i + 1]
        result.fields[name] = value
        if #name == 8 then
            table.insert(result.sends, name)
        end
        if #name == 8 and value ~= '' then
            local ends = tonumber(string.sub(value, 33))
            result.committed = result.committed + 1
            if string.sub(value, -1) == COUNTED then
                result.counted = result.counted + 1
            end
            result.last_end = math.max(result.last_end, ends)
            if ends > at then
                table.insert(result.code_hashes, string.sub(value, 1, 32))
            end
        end
    end
    return result
end
