"""What each value of the policy means, in one line."""

from __future__ import annotations

MEANINGS = {
    "code_length": "Digits of a code, 4 to 10.",
    "ttl": "Lifetime of each code, 30 s to 24 h.",
    "max_checks": "Checks of one verification, 1 to 100.",
    "max_sends": "Messages of one verification, 1 to 100.",
    "resend_cooldown": "The least time between two messages of one verification.",
    "v2_resend_cooldown": "The same for sends through /v2.",
    "sends_per_phone": "Messages to one phone or one e-mail address.",
    "sends_per_ip": "Sends requested from one client IP.",
    "sends_per_country": "Messages to each country.",
    "sends_per_prefix": "Messages to the numbers of one prefix, for named prefixes.",
    "sends_per_channel": "Messages through each channel.",
    "sends_total": "Messages in total.",
    "failed_checks_per_phone": "Failed checks of one phone or one e-mail address.",
    "checks_per_ip": "Checks from one client IP.",
    "max_consecutive_failures": (
        "Failed checks in 30 days without a correct one between them, 1 to 100."
    ),
    "failed_checks_per_factor": "Failed checks of one authenticator app.",
    "failed_checks_total": "Failed checks in total.",
    "sends_per_network": "Sends requested from one named network of client IPs.",
    "sends_per_key": "Sends requested with one API key.",
    "checks_per_key": "Checks requested with one API key.",
    "auth_failures_per_ip": "Wrong API keys and console keys from one address.",
    "blocked_networks": "Client networks that can neither send nor check.",
    "allowed_countries": "Countries of recipients.",
    "sending": "Whether codes are sent. Live codes can be checked in either case.",
    "guard": "Whether the pumping guard counts messages, and whether it refuses.",
    "guard_block": "Unproven messages that a block of 10,000 numbers may have.",
    "guard_strict": (
        "Those of a block with fewer than three approvals, while its network or "
        "country is under pressure."
    ),
    "guard_pressure": (
        "Unproven messages that put a network or a country under pressure."
    ),
    "guard_wide": "Unproven messages that close a network or a country.",
    "guard_conversion": "The least share of codes that is usually entered.",
    "guard_exempt": "Places that the guard neither counts nor refuses.",
    "vouched_per_key": "Sends that one API key vouches for.",
    "budget": "The money that the messages of any 24 hours may cost.",
    "slow_after": (
        "Time after which a message without a delivery report counts as late in the "
        "health of its provider."
    ),
    "routes": "The channels and providers of messages, by destination.",
    "call_countries": "Countries that calls are made to.",
    "calls_per_phone": "Calls to one phone.",
    "calls_per_country": "Calls to each country.",
    "calls_total": "Calls in total.",
    "fallback_after": (
        "Time without a delivery report until the next step of the route sends a code."
    ),
}
"""A sentence for each name."""
