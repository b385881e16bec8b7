"""Secrets are changed while people wait for their codes."""

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
    Holder,
    clients,
    wait_until_newer,
)
from tests.support.fakes import different_code

FIRST_HOLDER, FIRST_VICTIM = 30_000_000, 40_000_000
OLD_KEY, NEW_KEY = "old-secret-0123456789", "new-secret-0123456789"


def steps(environ):
    """The environments that the README's words lead through, one after the other."""
    old, new = (base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2))
    old_key, new_key = (api_keys.env_entry("shop", key) for key in (OLD_KEY, NEW_KEY))
    both = {"OTP_API_KEYS": f"{new_key},{old_key}"}
    start = {"OTP_PEPPER": old, "OTP_API_KEYS": old_key}
    added = both | {"OTP_PEPPER": old, "OTP_PEPPER_PREVIOUS": new}
    swapped = both | {"OTP_PEPPER": new, "OTP_PEPPER_PREVIOUS": old}
    removed = {"OTP_PEPPER": new, "OTP_API_KEYS": new_key}
    return [environ | step for step in (start, added, swapped, removed)]


class Rotation:
    """One rotation, from beginning to end, and what was seen on the way."""

    def __init__(self, pair, people):
        self.pair, self.people = pair, people
        self.victims = Counter(dict.fromkeys(numbers(people, FIRST_VICTIM), 0))
        self.holders: list[Holder] = []
        self.born = self.ended = self.failed = 0
        self.left: set[int] = set()

    def go(self, running, added, swapped, removed):
        """Follow the README's steps while *running* clients send and check."""
        self.come_by()
        self.restart_each(added, self.guess)
        self.pair.secrets = [OLD_KEY, NEW_KEY]
        self.restart_each(swapped, self.guess)
        self.pair.secrets = [NEW_KEY]
        # A day later: whatever was out before has ended.
        self.type_codes(len(self.holders))
        wait_until_newer(running, time.monotonic())
        self.come_by()
        self.restart_each(removed)
        self.type_codes(len(self.holders))

    def restart_each(self, environ, *others):
        """Restart one after the other; after each, people come by."""
        for instance in self.pair.instances:
            instance.stop()
            instance.start(environ)
            for step in (self.come_by, *others):
                step()

    def come_by(self):
        """Half of those with a code type it, and as many more ask for one."""
        self.type_codes(len(self.holders) // 2)
        for _ in range(self.people):
            self.born += 1
            phone = numbers(1, FIRST_HOLDER + self.born)[0]
            holder = Holder(self.pair, phone)
            holder.begin(self.born)
            self.holders.append(holder)

    def type_codes(self, count):
        """Let *count* of those with a code type it, of all ages, at both instances."""
        for n in range(count):
            holder = self.holders.pop(n % len(self.holders))
            worked, left = holder.end(n)
            self.failed += not worked
            self.left.add(left)

    def guess(self):
        """Request a code for each victim again, and check wrong ones at both."""
        for phone in self.victims:
            self.pair.ask(rolling_pair.SEND, {"phone": phone}, 0)
            codes = self.pair.codes_of(phone)
            for n in range(4):
                heard = self.pair.check(phone, different_code(*codes), n)
                self.victims[phone] += heard.json == PENDING


def rotation(environ, twilio, *, workers, people):
    start, *others = steps(environ)
    with rolling_pair.of_instances(
        twilio, start, workers=workers, secrets=[OLD_KEY]
    ) as pair:
        seen = Rotation(pair, people)
        with clients(pair, people) as running:
            seen.go(running, *others)
        seen.ended = sum(client.sent for client in running) + seen.born
        seen.failed += sum(len(client.failed) for client in running)
        statuses = Counter(pair.statuses)
        pair.secrets = [OLD_KEY]
        gone = [pair.ask(rolling_pair.SEND, {}, n).status for n in range(2)]
    return seen, statuses, gone


def test_rotation_of_the_pepper_and_of_an_api_key(trial, whole, environ, twilio):
    rounds, workers, people = (5, 2, 6) if whole else (1, 1, 2)
    trial.did(
        f"two instances with {workers} workers each are taken out of the balancer and"
        " restarted one after the other"
        " with the new pepper and key added, with the peppers swapped, and with the old"
        f" ones removed, while {people} clients send and check without a pause",
        promise="2; clients see no error",
        runs=rounds,
    )
    environ |= {"OTP_RESEND_COOLDOWN": "0s", "OTP_SENDS_PER_PHONE": "off"}
    found = [
        rotation(environ, twilio, workers=workers, people=people) for _ in range(rounds)
    ]

    statuses: Counter[int] = sum((seen for _, seen, _ in found), Counter())
    left = set().union(*(seen.left for seen, _, _ in found))
    trial.tell("codes sent", sum(seen.ended for seen, _, _ in found))
    trial.at_most(
        "live codes that were not approved", sum(seen.failed for seen, _, _ in found), 0
    )
    most = max(max(seen.victims.values()) for seen, _, _ in found)
    trial.at_most("attempts counted in one verification", most, 5)
    trial.at_most("attempts remaining after four, most", max(left), 1)
    trial.at_least("attempts remaining after four, least", min(left), 1)
    trial.at_most("401s", statuses[401], 0)
    trial.at_most("500s", statuses[500], 0)
    trial.tell("503s", statuses[503])
    trial.at_most("requests without an answer", statuses[NO_ANSWER], 0)
    trial.at_least(
        "401s for the removed key, of two", min(x.count(401) for _, _, x in found), 2
    )
