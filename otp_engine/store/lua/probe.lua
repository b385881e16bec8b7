-- probe: run each command that the service uses, and report those that are denied, and
-- those that this Redis does not have.
--
-- Only the first command writes. The others find a value of another type, or no key;
-- Redis checks permissions before it notices that.
--
-- KEYS[1]  otp:{...}:probe   string: empty; deleted at the end
-- ARGV[1]  milliseconds until the key expires
-- ARGV[n]  a command with its arguments, separated by spaces; * stands for the key
--
-- returns  the names of the denied commands, and those of the unknown ones; the error
--          of the write, unless it is one of both, because each send would get it too
--
-- TTL: ARGV[1], if the deletion is denied.

local denied, unknown = {}, {}
local reasons = {
    ['NOPERM'] = denied,
    ['ACL failure'] = denied,
    ['user executing the script'] = denied,
    ['Unknown Redis command'] = unknown,
}

-- Returns an error that has another reason.
local function try(...)
    local reply = redis.pcall(...)
    if type(reply) ~= 'table' or not reply.err then
        return nil
    end
    for text, names in pairs(reasons) do
        -- tostring: the embedded Redis has another type of text here.
        if string.find(tostring(reply.err), text, 1, true) then
            names[#names + 1] = (...)
            return nil
        end
    end
    return reply
end

local failure = try('SET', KEYS[1], '', 'PX', ARGV[1])
if failure then
    return failure
end
for n = 2, #ARGV do
    local words = {}
    for word in string.gmatch(ARGV[n], '%S+') do
        words[#words + 1] = word == '*' and KEYS[1] or word
    end
    try(unpack(words))
end
try('DEL', KEYS[1])
return {denied, unknown}
