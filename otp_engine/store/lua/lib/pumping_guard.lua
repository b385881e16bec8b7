-- pumping_guard: counts unproven messages by place, and decides about one more.
--
-- lua_scripts.py prepends this file to the scripts that use it. The Python package
-- otp_engine.domain.pumping_guard has the same arithmetic and describes the rules; a
-- test compares both. Numbers are stored with 14 digits, so both compute from equal
-- texts.
--
-- The guard is a hash. Its fields:
--   +22177999, +221779, SN   a place: a block, a network or a country; a block of short
--                            numbers is +43650xxxx
--                            "unproven approvals recent at until trips pressed_at";
--                            times in milliseconds since 1970
--   usual                    the share of messages that is typed in, in all places
--                            "sent approved at"
--   $...                     the budget, which lib/budget.lua describes
--
-- A place that is quiet decides as one without a field does. So each charge that adds a
-- field looks at four random ones and deletes the quiet ones. While places come and go,
-- less than half of the fields are quiet.

local HOUR = 3600000
local DAY = 24 * HOUR
local WEEK = 7 * DAY
local HOURS_PER_WEEK = 168

local GUARD_TTL = 31 * DAY
-- Milliseconds in which a request can be repeated or released, as for LOGGED in
-- packed_log.lua, with a margin for a slow provider.
local CHARGE_TTL = 120000

local QUIET_UNPROVEN = 0.1
local QUIET_APPROVALS = 0.5
local PRESSURE_PER_APPROVAL = 0.05
local WIDE_PER_APPROVAL = 0.3
local APPROVALS_OF_PAST = 3
local USUAL_SHARE = 0.6
local LEAST_CONVERSION = 0.15
local MOST_DOUBLINGS = 10

local WIDE_LEVEL = {first = HOUR / 4, longest = 4 * HOUR, kept = DAY, probes = 5}
local SUSPENSIONS = {
    block = {first = 12 * HOUR, longest = WEEK, kept = WEEK, probes = 3},
    network = WIDE_LEVEL,
    country = WIDE_LEVEL
}
local FROM_COUNTRY = {'country', 'network', 'block'}

local function halve(score, age, half_life)
    return score * 2 ^ (-age / half_life)
end

-- Return the number of a stored score; nil if it is none, or is negative or infinite.
local function to_score(text)
    local score = tonumber(text)
    return score and score >= 0 and score < math.huge and score or nil
end

-- Return the place of a stored text; an empty place if there is none.
local function parse_place(text)
    local unproven, approvals, recent, at, until_, trips, pressed_at = string.match(
        text or '', '^(%S+) (%S+) (%S+) (%-?%d+) (%-?%d+) (%d+) (%-?%d+)$'
    )
    local place = {
        unproven = to_score(unproven), approvals = to_score(approvals),
        recent = to_score(recent), at = tonumber(at), until_ = tonumber(until_),
        trips = tonumber(trips), pressed_at = tonumber(pressed_at)
    }
    if place.unproven and place.approvals and place.recent then
        return place
    end
    return {
        unproven = 0, approvals = 0, recent = 0, at = 0, until_ = 0, trips = 0,
        pressed_at = 0
    }
end

local function format_place(place)
    return string.format(
        '%.14g %.14g %.14g %.0f %.0f %.0f %.0f', place.unproven, place.approvals,
        place.recent, place.at, place.until_, place.trips, place.pressed_at
    )
end

-- Return the place of a stored text at a later time, and the milliseconds since its
-- suspension if this is the first reading after it. The caller then sets unproven.
--
-- A clock that was set back changes no score, and shortens a suspension that would be
-- longer than the longest one.
local function read_place(text, level, at)
    local place = parse_place(text)
    local age = math.max(0, at - place.at)
    local ended
    place.level = level
    if place.trips > 0 then
        place.until_ = math.min(place.until_, at + SUSPENSIONS[level].longest)
    end
    if level ~= 'block' or place.trips == 0 or place.until_ <= at then
        place.unproven = halve(place.unproven, age, DAY)
    end
    if place.trips > 0 and place.at < place.until_ and place.until_ <= at then
        ended = at - place.until_
    end
    if place.until_ <= at
        and (place.trips == 0 or at - place.until_ >= SUSPENSIONS[level].kept)
    then
        place.until_, place.trips = 0, 0
    end
    place.approvals = halve(place.approvals, age, WEEK)
    place.recent = halve(place.recent, age, HOUR)
    place.at = at
    return place, ended
end

local function is_quiet(place)
    return place.unproven < QUIET_UNPROVEN and place.approvals < QUIET_APPROVALS
        and place.until_ == 0
end

local function is_suspended(place)
    return place.until_ > place.at
end

-- Add unproven messages to a place, or remove some. While a block is suspended by the
-- guard nothing is forgiven, so nothing is counted. A closed network or country has many
-- phones that still pass, and their approvals open it earlier.
local function count_in(place, messages)
    local is_frozen = place.level == 'block' and is_suspended(place) and place.trips > 0
    if not is_frozen then
        place.unproven = math.max(0, place.unproven + messages)
    end
end

-- Return how many unproven messages a place may have that is allowed *most*, and more
-- for each approval of an hour; nil if the rule is off.
local function allowance(place, most, per_approval)
    local usual = place.approvals / HOURS_PER_WEEK
    return most and most + per_approval * (math.log(2) * math.max(usual, place.recent))
end

-- Return whether one message more is over *most*.
local function is_over(place, most)
    return most ~= nil and place.unproven + 1 > most
end

-- Parse "MODE PASSES BLOCK STRICT PRESSURE WIDE CONVERSION", as guard_codec.py writes
-- it; a rule that is off is "-". Return nil for an empty text.
local function parse_rules(text)
    local mode, passes, block, strict, pressure, wide, conversion = string.match(
        text, '^(%S+) (%d) (%d+) (%d+) (%S+) (%S+) (%S+)$'
    )
    return mode and {
        is_on = mode == 'on', passes = passes == '1', block = tonumber(block),
        strict = tonumber(strict), pressure = tonumber(pressure),
        wide = tonumber(wide), conversion = tonumber(conversion)
    }
end

local function read_share(text, at)
    local sent, approved, since = string.match(
        text or '', '^(%S+) (%S+) (%-?%d+)$'
    )
    sent, approved = to_score(sent), to_score(approved)
    if not (sent and approved) then
        return {sent = 0, approved = 0, at = at}
    end
    local age = math.max(0, at - since)
    return {
        sent = halve(sent, age, WEEK), approved = halve(approved, age, WEEK), at = at
    }
end

local function is_pressed(guard, place)
    return is_over(
        place, allowance(place, guard.rules.pressure, PRESSURE_PER_APPROVAL)
    )
end

-- Read the places of a number, the widest first: pressure decides about the block.
--
-- *names* are the block, the network and the country. *extra* are names of other fields
-- to read in the same command; their values are in guard.extra.
local function read_guard(key, names, rules, at, extra)
    local guard = {
        key = key, rules = rules, at = at, names = {}, places = {}, pressed = {},
        allowance = rules.block, writes = {}, extra = {}
    }
    guard.names.block, guard.names.network, guard.names.country = unpack(names)
    local fields = {names[1], names[2], names[3], 'usual', unpack(extra or {})}
    local values = redis.call('HMGET', key, unpack(fields))
    local texts = {block = values[1], network = values[2], country = values[3]}
    for i = 5, #fields do
        guard.extra[i - 4] = values[i]
    end
    guard.share = read_share(values[4], at)
    for _, level in ipairs(FROM_COUNTRY) do
        local place, ended = read_place(texts[level], level, at)
        local most
        if level == 'block' then
            if next(guard.pressed) and place.approvals < APPROVALS_OF_PAST then
                guard.allowance = math.min(rules.block, rules.strict)
            end
            most = guard.allowance
        else
            most = allowance(place, rules.wide, WIDE_PER_APPROVAL)
        end
        if ended and most then
            local room = math.max(0, most - SUSPENSIONS[level].probes)
            room = halve(room, ended, DAY)
            place.unproven = level == 'block' and room
                or math.min(room, place.unproven)
        end
        if is_quiet(place) then
            place = parse_place()
            place.at = at
        end
        if level ~= 'block' and is_pressed(guard, place) then
            guard.pressed[level] = true
        end
        guard.places[level] = place
    end
    return guard
end

-- Add a field to those that write_guard stores.
local function write_field(guard, name, text)
    guard.writes[#guard.writes + 1] = name
    guard.writes[#guard.writes + 1] = text
end

local function write_places(guard)
    for level, place in pairs(guard.places) do
        write_field(guard, guard.names[level], format_place(place))
    end
    local share = guard.share
    write_field(
        guard, 'usual',
        string.format('%.14g %.14g %.0f', share.sent, share.approved, share.at)
    )
end

-- Store the changed fields in one command, and expire the hash.
local function write_guard(guard)
    redis.call('HSET', guard.key, unpack(guard.writes))
    redis.call('PEXPIRE', guard.key, GUARD_TTL)
end

-- Return the text of a refusal: "LEVEL UNPROVEN UNTIL TRIPS NEW".
local function refusal_text(level, place, is_new)
    return string.format(
        '%s %.14g %.0f %.0f %d', level, place.unproven, place.until_, place.trips,
        is_new and 1 or 0
    )
end

-- Suspend a place, and return the text of the refusal.
local function suspend(guard, level)
    local place, limits = guard.places[level], SUSPENSIONS[level]
    local doubled = limits.first * 2 ^ math.min(place.trips, MOST_DOUBLINGS)
    place.until_ = guard.at + math.min(limits.longest, doubled)
    place.trips = place.trips + 1
    write_field(guard, guard.names[level], format_place(place))
    return refusal_text(level, place, true)
end

-- Return the text of a refusal, or nil if the guard accepts one message more. A new
-- suspension is in guard.writes.
local function find_guard_refusal(guard)
    if guard.rules.passes then
        return nil
    end
    local latest, suspended = 0, nil
    for i = #FROM_COUNTRY, 1, -1 do
        local place = guard.places[FROM_COUNTRY[i]]
        if is_suspended(place) and place.until_ > latest then
            latest, suspended = place.until_, FROM_COUNTRY[i]
        end
    end
    if suspended then
        return refusal_text(suspended, guard.places[suspended], false)
    end
    for _, level in ipairs(FROM_COUNTRY) do
        local place, most = guard.places[level], guard.allowance
        if level ~= 'block' then
            most = allowance(place, guard.rules.wide, WIDE_PER_APPROVAL)
        end
        if is_over(place, most) then
            return suspend(guard, level)
        end
    end
    return nil
end

-- Count one message, and return the text of the pressure that it starts, of each level:
-- "LEVEL UNPROVEN ".
local function charge_guard(guard)
    local started = ''
    for _, level in ipairs({'network', 'country', 'block'}) do
        local place = guard.places[level]
        count_in(place, 1)
        local since = guard.at - place.pressed_at
        if level ~= 'block' and not guard.pressed[level]
            and is_pressed(guard, place) and not (since >= 0 and since < HOUR)
        then
            place.pressed_at = guard.at
            started = started
                .. string.format('%s %.14g ', level, place.unproven)
        end
    end
    guard.share.sent = guard.share.sent + 1
    write_places(guard)
    return started
end

-- Take back one counted message.
local function release_guard(guard)
    for _, place in pairs(guard.places) do
        count_in(place, -1)
    end
    guard.share.sent = math.max(0, guard.share.sent - 1)
    write_places(guard)
end

-- Forgive the messages of an approved verification, and as many more as the usual share
-- permits.
local function credit_guard(guard, messages)
    local share = guard.share
    -- As if there were 100 messages more, of which two thirds were typed in.
    local value = (share.approved + 200 / 3) / (share.sent + 100)
    local usual = math.min(guard.rules.conversion, USUAL_SHARE * value)
    local more = 1 / math.max(LEAST_CONVERSION, usual) - 1
    for _, place in pairs(guard.places) do
        count_in(place, -(messages + more))
        place.approvals = place.approvals + 1
        place.recent = place.recent + 1
    end
    share.approved = share.approved + 1
    write_places(guard)
end

-- Delete those of four random fields that are quiet places. One that was suspended and
-- not read since is quiet after a month, whatever it was allowed.
local function drop_quiet(guard)
    local sample = redis.call('HRANDFIELD', guard.key, 4, 'WITHVALUES')
    for i = 1, #sample, 2 do
        local name = sample[i]
        if name ~= 'usual' and string.sub(name, 1, 1) ~= '$' then
            local place, ended = read_place(sample[i + 1], 'block', guard.at)
            if ended then
                place.unproven = ended >= GUARD_TTL and 0 or QUIET_UNPROVEN
            end
            if is_quiet(place) then
                redis.call('HDEL', guard.key, name)
            end
        end
    end
end
