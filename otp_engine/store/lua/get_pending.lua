-- get_pending: return the pending verification of a phone.
--
-- One step, so that the attempts belong to the verification that the id names.
--
-- KEYS[1]  otp:{phone}:verification   hash
-- ARGV     none
--
-- returns  {'pending', id, attempts, ms, channel}
--                                         this many checks were counted; the last code
--                                         expires in ms, and was sent by this channel
--          {'not_found'}                  no code is live; a send that is only reserved
--                                         has no code yet
--
-- TTL: unchanged.

local at = now()
local pending = read_verification(KEYS[1], at)
if #pending.code_hashes == 0 then
    return {'not_found'}
end
local fields = pending.fields
return {'pending', fields.id, #fields.checks / 8, pending.last_end - at, pending.last_channel}
