-- move_event_webhook: store that events were posted, and what they contained.
--
-- The position and the verifications change in one step. So a worker that stops between
-- the post and this script repeats whole events, and no verification counts one twice.
--
-- KEYS[1]  otp:{events}:webhook                hash: position
-- KEYS[2]  otp:{events}:webhook:lease          string
-- KEYS[3]  otp:{events}:webhook:verifications  hash: by id, what is known of it
-- KEYS[4]  otp:{events}:webhook:next_looks     zset
-- ARGV[1]  token of the worker
-- ARGV[2]  id of the last entry that was posted
-- ARGV[3]  lifetime of all keys but the lease, in milliseconds
-- ARGV[4...]  for each verification: its id, its text, and the time of its next look in
--          milliseconds since 1970; an empty text deletes it
--
-- returns  1  stored
--          0  another worker has the lead; nothing was stored
--
-- TTL: all keys but the lease expire after the lifetime.

local webhook, lease, verifications, next_looks = unpack(KEYS)
if redis.call('GET', lease) ~= ARGV[1] then
    return 0
end
redis.call('HSET', webhook, 'position', ARGV[2])
for i = 4, #ARGV, 3 do
    local id, text, at = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    if text == '' then
        redis.call('HDEL', verifications, id)
        redis.call('ZREM', next_looks, id)
    else
        redis.call('HSET', verifications, id, text)
        redis.call('ZADD', next_looks, at, id)
    end
end
for _, name in ipairs({webhook, verifications, next_looks}) do
    redis.call('PEXPIRE', name, ARGV[3])
end
return 1
