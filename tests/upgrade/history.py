"""What a release stores in an afternoon, and what is known of it outside of Redis."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support import server_process
from tests.upgrade.requests import FULL_IP_LIMIT, FULL_PHONE_LIMIT, Client

LIVE, FAILED, BOUND, RESENT, USED, LOCKED, FULL = (
    f"+91944501000{n}" for n in range(1, 8)
)
OF_SERVICE, CANCELED, SAFE = (f"+91944502000{n}" for n in range(1, 4))
OF_ADDRESS = [f"+91944503000{n}" for n in range(FULL_IP_LIMIT)]
ADDRESS = "198.51.100.7"
FAILURES, MAX_CHECKS = 2, 5


def make(client: Client) -> dict[str, Any]:
    """Send and check codes; return the codes, the handle and the SIDs."""
    facts: dict[str, Any] = {
        "codes": {phone: [client.send_code(phone)] for phone in (LIVE, FAILED, USED)}
    }
    codes = facts["codes"]
    client.fail(FAILED, codes[FAILED][0], FAILURES)
    assert client.check(USED, codes[USED][0]).body["VerificationStatus"] == "approved"
    codes[RESENT] = [client.send_code(RESENT) for _ in range(2)]
    facts["handle"] = client.send(BOUND, bind=True).headers["otp-verification"]
    codes[BOUND] = [client.code(BOUND)]
    codes[LOCKED] = [client.send_code(LOCKED)]
    client.fail(LOCKED, codes[LOCKED][0], MAX_CHECKS)
    codes[FULL] = [client.send_code(FULL) for _ in range(FULL_PHONE_LIMIT)]
    for phone in OF_ADDRESS:
        codes[phone] = [client.send_code(phone, client_ip=ADDRESS)]
    return facts | _make_service(client, codes)


def _make_service(client: Client, codes: dict[str, list[str]]) -> dict[str, str]:
    service = client.v2("Services", FriendlyName="Shop", CodeLength="8").body["sid"]
    limits = f"Services/{service}/RateLimits"
    limit = client.v2(limits, UniqueName="user").body["sid"]
    client.v2(f"{limits}/{limit}/Buckets", Max="5", Interval="60")
    assert client.v2("SafeList/Numbers", PhoneNumber=SAFE).status == 201
    path = f"Services/{service}/Verifications"
    pending = client.v2(path, To=OF_SERVICE, Channel="sms").body["sid"]
    codes[OF_SERVICE] = [client.code(OF_SERVICE)]
    canceled = client.v2(path, To=CANCELED, Channel="sms").body["sid"]
    client.v2(f"{path}/{canceled}", Status="canceled")
    return {
        "service": service,
        "limit": limit,
        "pending": pending,
        "canceled": canceled,
    }


def change_policy(tree: Path, environ: Mapping[str, str]) -> None:
    """Add three versions by the command line of *tree*."""
    for change in (
        ("set", "ttl", "5m"),
        ("set", "sends_total", "5000/1h", "--reason", "launch"),
        ("set", "max_sends", "4"),
    ):
        subprocess.run(
            [*server_process.PROGRAM, "policy", *change],
            cwd=tree,
            env={"PATH": server_process.PATH["PATH"], **environ},
            capture_output=True,
            check=True,
            timeout=60,
        )
