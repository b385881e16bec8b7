-- add_provider_counts: add what happened to messages to the health of providers.
--
-- KEYS[1]  otp:{shared}:provider_health   hash
-- ARGV[1]  milliseconds until the hash expires without new counts
-- ARGV[2]  the number of minutes that are stored
-- ARGV[n]  of each entry: the step, the milliseconds since its messages were accepted,
--          and the six numbers to add, separated by spaces
--
-- returns  the time in ms since 1970, then each field and its text
--
-- Fields: "<minute> <step>" has the six numbers of a minute, and "weight <step>" the
-- weight. Minutes that are too old are deleted.
--
-- TTL: ARGV[1], from the step that creates the hash. A repeated call adds again: the
-- counts are a measurement, and some more of them change little.

local at = now()
local oldest = math.floor(at / 60000) - tonumber(ARGV[2])

local function add(field, numbers)
    local sums, stored = {}, redis.call('HGET', KEYS[1], field)
    local values = string.gmatch(stored or '', '%d+')
    for number in string.gmatch(numbers, '%d+') do
        sums[#sums + 1] = string.format('%d', tonumber(number) + (values() or 0))
    end
    redis.call('HSET', KEYS[1], field, table.concat(sums, ' '))
end

for n = 3, #ARGV, 3 do
    local minute = math.floor((at - tonumber(ARGV[n + 1])) / 60000)
    if minute > oldest then
        add(string.format('%d %s', minute, ARGV[n]), ARGV[n + 2])
    end
end
if #ARGV > 2 then
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
end

local reply, fields = {at}, redis.call('HGETALL', KEYS[1])
for n = 1, #fields, 2 do
    local minute = string.match(fields[n], '^%d+')
    if minute and tonumber(minute) <= oldest then
        redis.call('HDEL', KEYS[1], fields[n])
    else
        reply[#reply + 1] = fields[n]
        reply[#reply + 1] = fields[n + 1]
    end
end
return reply
