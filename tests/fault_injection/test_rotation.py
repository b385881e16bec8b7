"""Rotation of the pepper and of an API key under load."""

from __future__ import annotations

import base64
import secrets
import time
from collections import Counter

from otp_engine.crypto import api_keys
from tests.fault_injection import rolling_pair
from tests.fault_injection.load import NO_ANSWER, numbers
from tests.fault_injection.rotation_clients import (
    PENDING,
    Recipient,
    clients,
    wait_until_newer,
)
from tests.support.fakes import different_code

FIRST_RECIPIENT, FIRST_VICTIM = 30_000_000, 40_000_000
OLD_KEY, NEW_KEY = "old-secret-0123456789", "new-secret-0123456789"


def steps(environ):
    """Return the environment of each step of a rotation, as documented."""
    old, new = (base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2))
    old_key, new_key = (api_keys.env_entry("shop", key) for key in (OLD_KEY, NEW_KEY))
    both_keys = {"OTP_API_KEYS": f"{new_key},{old_key}"}
    start = {"OTP_PEPPER": old, "OTP_API_KEYS": old_key}
    added = both_keys | {"OTP_PEPPER": old, "OTP_PEPPER_PREVIOUS": new}
    swapped = both_keys | {"OTP_PEPPER": new, "OTP_PEPPER_PREVIOUS": old}
    removed = {"OTP_PEPPER": new, "OTP_API_KEYS": new_key}
    return [environ | step for step in (start, added, swapped, removed)]


class Rotation:
    """One rotation, and the counts of its verifications."""

    def __init__(self, pair, users):
        self.pair, self.users = pair, users
        self.victims = Counter(dict.fromkeys(numbers(users, FIRST_VICTIM), 0))
        self.recipients: list[Recipient] = []
        self.started = self.ended = self.failed = 0
        self.remaining: set[int] = set()

    def run(self, running, added, swapped, removed):
        """Restart the instances with each step, while *running* clients work."""
        self.start_and_finish()
        self.restart_each(added, self.check_wrong_codes)
        self.pair.secrets = [OLD_KEY, NEW_KEY]
        self.restart_each(swapped, self.check_wrong_codes)
        self.pair.secrets = [NEW_KEY]
        # The codes of before have expired a day later.
        self.finish(len(self.recipients))
        wait_until_newer(running, time.monotonic())
        self.start_and_finish()
        self.restart_each(removed)
        self.finish(len(self.recipients))

    def restart_each(self, environ, *others):
        """Restart one instance after the other, with *others* after each."""
        for instance in self.pair.instances:
            instance.stop()
            instance.start(environ)
            for step in (self.start_and_finish, *others):
                step()

    def start_and_finish(self):
        """Finish half of the verifications, and start a new one for each user."""
        self.finish(len(self.recipients) // 2)
        for _ in range(self.users):
            self.started += 1
            phone = numbers(1, FIRST_RECIPIENT + self.started)[0]
            recipient = Recipient(self.pair, phone)
            recipient.start(self.started)
            self.recipients.append(recipient)

    def finish(self, count):
        """Finish *count* verifications of all ages, at both_keys instances."""
        for n in range(count):
            recipient = self.recipients.pop(n % len(self.recipients))
            worked, remaining = recipient.finish(n)
            self.failed += not worked
            self.remaining.add(remaining)

    def check_wrong_codes(self):
        """Send to each victim again, and check wrong codes at both_keys instances."""
        for phone in self.victims:
            self.pair.request(rolling_pair.SEND, {"phone": phone}, 0)
            codes = self.pair.codes_of(phone)
            for n in range(4):
                response = self.pair.check(phone, different_code(*codes), n)
                self.victims[phone] += response.json == PENDING


def rotation(environ, twilio, *, workers, users):
    start, *others = steps(environ)
    with rolling_pair.running_pair(
        twilio, start, workers=workers, secrets=[OLD_KEY]
    ) as pair:
        seen = Rotation(pair, users)
        with clients(pair, users) as running:
            seen.run(running, *others)
        seen.ended = sum(client.sent for client in running) + seen.started
        seen.failed += sum(len(client.failures) for client in running)
        statuses = Counter(pair.statuses)
        pair.secrets = [OLD_KEY]
        removed_key_statuses = [
            pair.request(rolling_pair.SEND, {}, n).status for n in range(2)
        ]
    return seen, statuses, removed_key_statuses


def test_rotation_of_pepper_and_api_key_rejects_no_client(
    trial, whole, environ, twilio
):
    rounds, workers, users = (5, 2, 6) if whole else (1, 1, 2)
    trial.describe(
        "Rotation of the pepper and of an API key",
        f"two instances with {workers} workers each are taken out of the balancer and"
        " restarted one after the other"
        " with the new pepper and key added, with the peppers swapped, and with the old"
        f" ones removed, while {users} clients send and check without a pause",
        promise="2; clients see no error",
        runs=rounds,
    )
    environ |= {"OTP_RESEND_COOLDOWN": "0s", "OTP_SENDS_PER_PHONE": "off"}
    results = [
        rotation(environ, twilio, workers=workers, users=users) for _ in range(rounds)
    ]

    statuses: Counter[int] = sum((seen for _, seen, _ in results), Counter())
    remaining = set().union(*(seen.remaining for seen, _, _ in results))
    trial.record("codes sent", sum(seen.ended for seen, _, _ in results))
    trial.at_most(
        "live codes that were not approved",
        sum(seen.failed for seen, _, _ in results),
        0,
    )
    most = max(max(seen.victims.values()) for seen, _, _ in results)
    trial.at_most("attempts counted in one verification", most, 5)
    trial.at_most("attempts remaining after four, most", max(remaining), 1)
    trial.at_least("attempts remaining after four, least", min(remaining), 1)
    trial.at_most("401s", statuses[401], 0)
    trial.at_most("500s", statuses[500], 0)
    trial.record("503s", statuses[503])
    trial.at_most("requests without an answer", statuses[NO_ANSWER], 0)
    trial.at_least(
        "401s for the removed key, of two", min(x.count(401) for _, _, x in results), 2
    )
