-- put_factor: add an unverified factor to an entity, and create the entity if there is
-- none.
--
-- An entity has at most one factor that is being enrolled. A new one replaces it. A new
-- factor also replaces those that no code has verified in time, so that a program that
-- creates one for each visit of a page does not reach the maximum.
--
-- KEYS[1]  otp:{entity}:entity           hash
-- KEYS[2]  otp:{entity}:created_factors  zset: one member a factor
-- ARGV[1]  id of a new entity, 16 bytes
-- ARGV[2]  encrypted record of a new entity
-- ARGV[3]  id of the factor, 16 bytes
-- ARGV[4]  encrypted record of the factor
-- ARGV[5]  its recovery codes; empty without any
-- ARGV[6]  1 if it is being enrolled as the authenticator, else 0
-- ARGV[7]  maximum number of factors
-- ARGV[8]  limit of new factors
-- ARGV[9]  milliseconds until an unverified factor, and an entity without a verified
--          one, expire
-- ARGV[10] ids of the factors that the caller has compared with it, 16 bytes each; `*`
--          for a factor that can be added to any others
--
-- returns  {'created', {field, value, ...}}
--                                        stored, by this call or by an earlier one; and
--                                        the fields of the entity
--          {'changed'}                   the entity has a factor that is not in ARGV[10]
--          {'too_many_factors'}          the entity has the maximum
--          {'factors_per_entity', ms}    the limit refuses for another ms
--
-- TTL: a new entity expires after ARGV[9] without another factor; one without a TTL
-- stays so. The log expires after its longest window, or up to ten minutes later.

local key, id = KEYS[1], ARGV[3]
local at = now()
local entity = read_entity(key)
if entity.factors[id] then
    -- The write is repeated, so that the WAIT after it covers it.
    redis.call('HSET', key, factor_field(id, 'record'), ARGV[4])
    return {'created', redis.call('HGETALL', key)}
end

if ARGV[10] ~= '*' then
    local compared = {}
    for i = 1, #ARGV[10], ID_BYTES do
        compared[string.sub(ARGV[10], i, i + ID_BYTES - 1)] = true
    end
    for _, other in ipairs(entity.ids) do
        if not compared[other] then
            return {'changed'}
        end
    end
end

local replaced = {}
for _, other in ipairs(entity.ids) do
    local factor = entity.factors[other]
    local is_enrolling = ARGV[6] == '1' and other == entity.fields.enrolling
    local is_old = tonumber(factor.created_at) <= at - tonumber(ARGV[9])
    if is_enrolling or (is_old and not factor.verified_at) then
        table.insert(replaced, other)
    end
end
if #entity.ids - #replaced >= tonumber(ARGV[7]) then
    return {'too_many_factors'}
end
local created = read_log(KEYS[2], ARGV[8], at)
local wait = retry_after(created)
if wait > 0 then
    return {'factors_per_entity', wait}
end

for _, other in ipairs(replaced) do
    delete_factor(key, entity, other)
end
append(created, id)
local is_new = not entity.fields.id
if is_new then
    redis.call('HSET', key, 'id', ARGV[1], 'record', ARGV[2], 'created_at', at)
end
redis.call('HSET', key, 'updated_at', at,
    factor_field(id, 'record'), ARGV[4],
    factor_field(id, 'created_at'), at,
    factor_field(id, 'updated_at'), at)
if ARGV[5] ~= '' then
    redis.call('HSET', key, factor_field(id, 'recovery'), ARGV[5])
end
if ARGV[6] == '1' then
    redis.call('HSET', key, 'enrolling', id)
end
if is_new or redis.call('PTTL', key) >= 0 then
    redis.call('PEXPIRE', key, ARGV[9])
end
return {'created', redis.call('HGETALL', key)}
