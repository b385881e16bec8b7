-- verification: reads the hash of a verification; keys.py lists its fields.
--
-- lua_scripts.py prepends this file to every script. A field with a name of 8 bytes is
-- a send, named by its idempotency key. Its value is empty while the send is reserved;
-- after the commit it is the code's 32-byte hash and the time at which the code expires
-- (milliseconds since 1970, decimal).

-- Read the hash at *key*.
--
-- Returns a table:
--   fields       the fields that are not sends, by name
--   code_hashes  the hashes of the codes that are live at the time *at*
--   last_end     time at which the last code expires or expired; 0 without a code
--   sends        number of sends, reserved and committed
--   committed    number of committed sends
local function read_verification(key, at)
    local result =
        {fields = {}, code_hashes = {}, last_end = 0, sends = 0, committed = 0}
    local entries = redis.call('HGETALL', key)
    for i = 1, #entries, 2 do
        local name, value = entries[i], entries[i + 1]
        if #name ~= 8 then
            result.fields[name] = value
        else
            result.sends = result.sends + 1
        end
        if #name == 8 and value ~= '' then
            local ends = tonumber(string.sub(value, 33))
            result.committed = result.committed + 1
            result.last_end = math.max(result.last_end, ends)
            if ends > at then
                table.insert(result.code_hashes, string.sub(value, 1, 32))
            end
        end
    end
    return result
end
