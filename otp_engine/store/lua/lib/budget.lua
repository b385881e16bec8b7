-- budget: counts the money of messages by hour and day, for all countries and for one.
--
-- lua_scripts.py prepends this file to the scripts that use it. Its model, with the same whole
-- numbers, is otp_engine/domain/money: ledger.py explains a ledger and its text, and
-- charges.py the fields. All sums are whole micro-units below 2^53, so they are exact.
--
-- A script calls, in this order:
--   parse_budget(text)              the rules and the price; nil for no text
--   budget_fields(country, shadow)  names of the fields that it reads with HMGET
--   read_budget(...)                the budget, from the values of those fields
--   check_budget(budget)            the rule that refuses, and for how long
--   report_refusal(budget)          after a refusal: fields to write, which can be none
--   charge_budget(budget)           else: count the message; fields to write
--   budget_text(budget)             the usage, after one of the last two
-- Another script calls release_budget with that text to take the message back.

local HOUR = 3600000
local HOURS = 25
local DAYS = 8
local USUAL_DAYS = 7
local LEVELS = {50, 80, 100}

-- Return the numbers of *text*.
local function read_numbers(text)
    local numbers = {}
    for number in string.gmatch(text, '%d+') do
        numbers[#numbers + 1] = tonumber(number)
    end
    return numbers
end

-- Return the *numbers* as text, without zeros at the end if *trim* is true.
local function write_numbers(numbers, trim)
    local length = #numbers
    while trim and length > 0 and numbers[length] == 0 do
        length = length - 1
    end
    local text = {}
    for i = 1, length do
        text[i] = string.format('%.0f', numbers[i])
    end
    return table.concat(text, ' ')
end

-- Return *sums* after *count* zeros, *length* numbers at most.
local function shift(sums, count, length)
    local moved = {}
    for i = 1, math.min(#sums + count, length) do
        moved[i] = i > count and sums[i - count] or 0
    end
    return moved
end

-- Move the newest sum of *ledger* to *hour*.
local function move_ledger(ledger, hour)
    local day = math.floor(hour / 24)
    if hour > ledger.hour then
        ledger.hours = shift(ledger.hours, hour - ledger.hour, HOURS)
        ledger.days = shift(ledger.days, day - math.floor(ledger.hour / 24), DAYS)
        ledger.hour = hour
    elseif ledger.hour - hour >= HOURS then
        ledger.hour = hour
        ledger.first = math.min(ledger.first, day)
        for i = 1, #LEVELS do
            ledger.reported[i] = math.min(ledger.reported[i], hour)
        end
        -- Written even if nothing is counted, or the sums would move with the clock.
        ledger.corrected = true
    end
end

-- Return the ledger of a stored *text* (false without one), moved to *hour*.
local function read_ledger(text, hour)
    if not text then
        return {
            hour = hour, first = math.floor(hour / 24), amount = 0,
            reported = {0, 0, 0}, hours = {}, days = {}
        }
    end
    local head, hours, days = string.match(text, '^([^;]*);([^;]*);([^;]*)$')
    local values = read_numbers(head)
    local ledger = {
        hour = values[1], first = values[2], amount = values[3],
        reported = {values[4], values[5], values[6]},
        hours = read_numbers(hours), days = read_numbers(days)
    }
    move_ledger(ledger, hour)
    return ledger
end

local function write_ledger(ledger)
    local reported = ledger.reported
    local head = {
        ledger.hour, ledger.first, ledger.amount, reported[1], reported[2], reported[3]
    }
    return write_numbers(head) .. ';' .. write_numbers(ledger.hours, true)
        .. ';' .. write_numbers(ledger.days, true)
end

-- Return the sum of the running hour and of the 24 before it.
local function ledger_spent(ledger)
    local sum = 0
    for _, spent in ipairs(ledger.hours) do
        sum = sum + spent
    end
    return sum
end

-- Return the ages of the whole days before the running one on which money was spent. The
-- first day is not whole. On a day without money, nothing was counted.
local function known_days(ledger)
    local oldest = math.min(USUAL_DAYS, math.floor(ledger.hour / 24) - ledger.first - 1)
    local ages = {}
    for age = 1, oldest do
        if (ledger.days[age + 1] or 0) > 0 then
            ages[#ages + 1] = age
        end
    end
    return ages
end

-- Return the sum of a usual day of those with these *ages*: the middle one, the lower one
-- of two.
local function usual_day(ledger, ages)
    local sums = {}
    for i, age in ipairs(ages) do
        sums[i] = ledger.days[age + 1] or 0
    end
    table.sort(sums)
    return sums[math.floor((#sums - 1) / 2) + 1]
end

-- Add *price* to sum *age*, from 0; the sum is at least 0.
local function add_to_sum(sums, age, price, length)
    if age < length then
        for i = #sums + 1, age + 1 do
            sums[i] = 0
        end
        sums[age + 1] = math.max(0, sums[age + 1] + price)
    end
end

-- Add *price* to *hour* of the ledger, and to its day.
local function add_to_ledger(ledger, price, hour)
    hour = math.min(hour, ledger.hour)
    add_to_sum(ledger.hours, ledger.hour - hour, price, HOURS)
    local age = math.floor(ledger.hour / 24) - math.floor(hour / 24)
    add_to_sum(ledger.days, age, price, DAYS)
end

-- Return the milliseconds until *allowed* has room for *price*; without enough room at
-- any time, until all sums have left.
local function ledger_wait(ledger, price, allowed, at)
    local spent = ledger_spent(ledger)
    for i = #ledger.hours, 1, -1 do
        spent = spent - ledger.hours[i]
        if ledger.hours[i] > 0 and spent + price <= allowed then
            return (ledger.hour - i + 1 + HOURS) * HOUR - at
        end
    end
    return (ledger.hour + HOURS) * HOUR - at
end

-- Report the highest level between two sums, once in a window; 0 without one.
local function reach_level(ledger, before, after, allowed)
    local found = 0
    for i, level in ipairs(LEVELS) do
        local limit = level * allowed
        local is_reached = before * 100 < limit and limit <= after * 100
        if is_reached and ledger.hour - ledger.reported[i] >= HOURS then
            ledger.reported[i] = ledger.hour
            found = level
        end
    end
    return found
end

-- Return the budget of a message: "AMOUNT PARTS SHADOW PRICE PROVEN". The amount is 0 if
-- money is only counted, SHADOW and PROVEN are 0 or 1.
local function parse_budget(text)
    local values = read_numbers(text)
    if #values == 0 then
        return nil
    end
    return {
        amount = values[1], parts = values[2], shadow = values[3] == 1,
        price = values[4], proven = values[5] == 1
    }
end

-- Return the names of the fields of all countries and of one, and in shadow mode those
-- of the ledgers of that mode.
local function budget_fields(country, shadow)
    if shadow then
        return {'$', '$' .. country, '$~', '$~' .. country}
    end
    return {'$', '$' .. country}
end

-- Return the share of the country; false if it is not limited by one.
local function country_share(budget)
    local days = known_days(budget.whole)
    if budget.amount == 0 or budget.parts == 1 or #days == 0 then
        return false
    end
    local part = math.floor(budget.amount / budget.parts)
    local usual = usual_day(budget.country, days)
    return math.min(budget.amount, math.max(part, 3 * usual))
end

-- Read the budget for one message.
--
-- fields    the names from budget_fields, and values: what HMGET returned for them
-- money     the reply of parse_budget
-- has_past  whether the last fifth is for the message as well
-- at        the time in milliseconds
local function read_budget(fields, values, money, has_past, at)
    local whole = read_ledger(values[1], math.floor(at / HOUR))
    local country = read_ledger(values[2], whole.hour)
    local budget = {
        fields = fields, whole = whole, country = country, all = whole, one = country,
        amount = money.amount, parts = money.parts, shadow = money.shadow,
        price = money.price, has_past = has_past, at = at, rule = false
    }
    if budget.shadow then
        budget.all = read_ledger(values[3], whole.hour)
        budget.one = read_ledger(values[4], whole.hour)
    end
    budget.share = country_share(budget)
    return budget
end

-- Return the rule that refuses the message and for how many milliseconds: the longest
-- of all that refuse. Return false and 0 if none does, and in shadow mode.
local function check_budget(budget)
    local longest = 0
    local price, share, amount = budget.price, budget.share, budget.amount
    if share and ledger_spent(budget.one) + price > share then
        budget.rule = 'budget_country'
        longest = ledger_wait(budget.one, price, share, budget.at)
    end
    -- The last fifth is for phones and blocks with a past.
    local allowed = budget.has_past and amount or amount - math.floor(amount / 5)
    if amount > 0 and ledger_spent(budget.all) + price > allowed then
        budget.rule = 'budget'
        longest = math.max(longest, ledger_wait(budget.all, price, allowed, budget.at))
    end
    if budget.shadow then
        return false, 0
    end
    return budget.rule, longest
end

-- Report the levels that the message reaches, whether it is counted or refused.
local function report_levels(budget)
    for _, ledger in ipairs({budget.all, budget.one}) do
        if ledger.amount ~= budget.amount then
            ledger.amount = budget.amount
            ledger.reported = {0, 0, 0}
        end
    end
    local spent, price = ledger_spent(budget.all), budget.price
    local country_spent = ledger_spent(budget.one)
    local added = budget.rule and 0 or price
    budget.spent, budget.country_spent = spent + added, country_spent + added
    budget.level, budget.country_level = 0, 0
    if budget.amount > 0 then
        budget.level = reach_level(budget.all, spent, spent + price, budget.amount)
    end
    if budget.share then
        local after = country_spent + price
        budget.country_level = reach_level(
            budget.one, country_spent, after, budget.share
        )
    end
end

-- Return the fields to write, as arguments of HSET.
local function budget_changes(budget)
    local fields = budget.fields
    local changes = {
        fields[1], write_ledger(budget.whole), fields[2], write_ledger(budget.country)
    }
    if budget.shadow then
        changes[5], changes[6] = fields[3], write_ledger(budget.all)
        changes[7], changes[8] = fields[4], write_ledger(budget.one)
    end
    return changes
end

local function report_refusal(budget)
    report_levels(budget)
    local is_reported = budget.level > 0 or budget.country_level > 0
    if not is_reported and not budget.whole.corrected then
        return {}
    end
    return budget_changes(budget)
end

local function charge_budget(budget)
    report_levels(budget)
    add_to_ledger(budget.whole, budget.price, budget.whole.hour)
    add_to_ledger(budget.country, budget.price, budget.country.hour)
    if budget.shadow and not budget.rule then
        add_to_ledger(budget.all, budget.price, budget.all.hour)
        add_to_ledger(budget.one, budget.price, budget.one.hour)
    end
    return budget_changes(budget)
end

-- Return the usage as text: the money that is counted and the amount; the same for the
-- country; the levels that the message reached first; the rule that would refuse it
-- outside shadow mode; its price; and 1 if the ledgers of shadow mode counted it. An
-- amount and a level that do not exist are 0, a share is -1, and a rule is a dash.
local function budget_text(budget)
    local in_shadow = budget.shadow and not budget.rule and 1 or 0
    return string.format(
        '%.0f %.0f %.0f %.0f %d %d %s %.0f %d', budget.spent, budget.amount,
        budget.country_spent, budget.share or -1, budget.level, budget.country_level,
        budget.shadow and budget.rule or '-', budget.price, in_shadow
    )
end

-- Return the fields to write for taking a message of a country back. *first* starts with
-- the time of its charge, and ends with " $ " and its budget_text.
local function release_budget(key, country, first, at)
    local price, in_shadow = string.match(first, ' %$ .* (%d+) ([01])$')
    if not price then
        return {}
    end
    local counted_hour = math.floor(string.match(first, '^%d+') / HOUR)
    local fields, changes = budget_fields(country, in_shadow == '1'), {}
    local values = redis.call('HMGET', key, unpack(fields))
    for i, name in ipairs(fields) do
        if values[i] then
            local ledger = read_ledger(values[i], math.floor(at / HOUR))
            add_to_ledger(ledger, -price, counted_hour)
            changes[#changes + 1] = name
            changes[#changes + 1] = write_ledger(ledger)
        end
    end
    return changes
end
