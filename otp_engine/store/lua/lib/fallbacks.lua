-- fallbacks: the members of the index of due fallbacks.

-- The end of the member of a delivery that a worker has claimed.
local LEASED = ':leased'
