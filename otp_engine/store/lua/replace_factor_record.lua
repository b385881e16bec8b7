-- replace_factor_record: write the record of a factor if the stored one is the expected
-- one.
--
-- The script compares and writes in one step, so of two clients that change a factor at
-- once the second one gets 0, reads again and retries.
--
-- KEYS[1]  otp:{entity}:entity   hash
-- ARGV[1]  id of the factor, 16 bytes
-- ARGV[2]  the expected record, encrypted
-- ARGV[3]  the record to write, encrypted
--
-- returns  1  written, by this call or by an earlier one with the same record
--          0  another record is stored, or none; nothing was changed
--
-- TTL: does not change.

local field = factor_field(ARGV[1], 'record')
local stored = redis.call('HGET', KEYS[1], field)
if stored ~= ARGV[2] and stored ~= ARGV[3] then
    return 0
end
local at = now()
redis.call('HSET', KEYS[1],
    'updated_at', at, field, ARGV[3], factor_field(ARGV[1], 'updated_at'), at)
return 1
