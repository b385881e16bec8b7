-- probe: run each command that the service uses, and report those that are denied.
--
-- Only the first command writes. The others find a value of another type, or no key;
-- Redis checks permissions before it notices that.
--
-- KEYS[1]  otp:{...}:probe   string: empty; deleted at the end
-- ARGV[1]  milliseconds until the key expires
-- ARGV[n]  a command with its arguments, separated by spaces; * stands for the key
--
-- returns  the names of the denied commands; the error of the write, unless that is a
--          denial, because each send would get it too
--
-- TTL: ARGV[1], if the deletion is denied.

local denied = {}

-- Returns an error that is no denial.
local function try(...)
    local reply = redis.pcall(...)
    if type(reply) ~= 'table' or not reply.err then
        return nil
    end
    for _, text in ipairs({'NOPERM', 'ACL failure', 'user executing the script'}) do
        -- tostring: the embedded Redis has another type of text here.
        if string.find(tostring(reply.err), text, 1, true) then
            denied[#denied + 1] = (...)
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
return denied
