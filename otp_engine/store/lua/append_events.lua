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
-- The ids follow the order of the events over both streams: in each stream alone Redis
-- would count those of one millisecond from zero, and a reader of both merges them by id.
--
-- returns    nothing
--
-- TTL: ARGV[2], from the step that creates a stream. A repeated call adds the events
-- again.

local function add(command, key, id, kind, event)
    return command('XADD', key, 'MAXLEN', '~', ARGV[1], id, 'kind', kind, 'event', event)
end

local function id_after(id)
    local ms, sequence = string.match(id, '^(%d+)-(%d+)$')
    return ms .. '-' .. string.format('%d', tonumber(sequence) + 1)
end

local changed, last = {}, nil
for n = 4, #ARGV, 3 do
    local key, kind, event = KEYS[tonumber(ARGV[n])], ARGV[n + 1], ARGV[n + 2]
    local id = last and add(redis.pcall, key, id_after(last), kind, event)
    if type(id) ~= 'string' then
        -- The first event, or the stream has a later id, which the next one exceeds.
        id = add(redis.call, key, '*', kind, event)
    end
    last = id
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
