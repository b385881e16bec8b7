-- append_events: add events to their streams, and remove those that are too old.
--
-- KEYS[1]    otp:{events}                  stream: the kind and the JSON of each event
-- KEYS[2]    otp:{events}:unauthenticated  stream: the same
-- ARGV[1]    the number of entries that a stream holds; Redis removes whole nodes, and
--            so keeps some more
-- ARGV[2]    milliseconds until a stream without new entries expires
-- ARGV[3]    remove entries from before this time (ms); empty to remove none
-- ARGV[n]    of each event: the number of its key, then its kind, then its JSON
--
-- returns    nothing
--
-- TTL: ARGV[2], from the step that creates a stream. A repeated call adds the events
-- again.

local changed = {}
for n = 4, #ARGV, 3 do
    local key = KEYS[tonumber(ARGV[n])]
    redis.call('XADD', key, 'MAXLEN', '~', ARGV[1], '*',
        'kind', ARGV[n + 1], 'event', ARGV[n + 2])
    changed[key] = true
end
for _, key in ipairs(KEYS) do
    if changed[key] then
        redis.call('PEXPIRE', key, ARGV[2])
    end
    if ARGV[3] ~= '' then
        redis.call('XTRIM', key, 'MINID', '~', ARGV[3])
    end
end
