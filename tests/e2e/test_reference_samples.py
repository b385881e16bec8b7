"""Every sample of the API reference, run as a program against a service."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pyotp
import pytest

from tests.support import redis_server, server_process
from tests.support.server_process import PATH

pytestmark = pytest.mark.e2e

ACCOUNT, SECRET = "AC" + "0" * 32, "0123456789abcdefghijklmnopqrstuv"
IDENTITY = "ff483d1ff591898a9942916050d2ca3f"
TOTP = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
CREDENTIALS = {
    "OTP_API_KEY": SECRET,
    "TWILIO_ACCOUNT_SID": ACCOUNT,
    "TWILIO_AUTH_TOKEN": SECRET,
}
# Each runs the samples, unmodified, and writes the first line of each as a JSON list.
RUNNERS = {
    "curl": """
import json, os, subprocess, sys
# The function adds options to the command of the sample, and no sample has them.
start = 'curl() { command curl -sS -o /dev/null -w "%{http_code}" "$@"; }\\n'
outputs = []
for source in json.load(sys.stdin):
    command = ["bash", "-c", start + source]
    done = subprocess.run(command, capture_output=True, text=True)
    outputs.append(done.stdout + done.stderr)
print(json.dumps(outputs))
""",
    "Python": """
import contextlib, io, json, sys
outputs = []
for source in json.load(sys.stdin):
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(source, {})
    outputs.append(output.getvalue())
print(json.dumps(outputs))
""",
    "Node": """
const AsyncFunction = (async () => {}).constructor;
const sources = JSON.parse(require("fs").readFileSync(0, "utf8"));
(async () => {
  const outputs = [];
  const console = { log: (...values) => outputs.push(values.join(" ")) };
  for (const source of sources) await new AsyncFunction("console", source)(console);
  process.stdout.write(JSON.stringify(outputs));
})();
""",
}


@dataclass
class Operation:
    """An operation, with its samples by language."""

    id: str
    method: str
    path: str
    statuses: list[str]
    samples: dict[str, str]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Run a service in dev mode with keys, and a sandbox number; yield its URL."""
    last_day = (datetime.now(UTC) + timedelta(days=7)).date()
    environ = {
        "OTP_API_KEYS": f"shop:{SECRET},{ACCOUNT}:{SECRET}",
        "OTP_TEST_NUMBERS": f"+919445012345:482913@{last_day}",
        "OTP_RESEND_COOLDOWN": "0s",
        "OTP_SENDS_PER_PHONE": "off",
        "OTP_RETURN_ORIGINS": "https://app.example.com",
        "OTP_PROOF_KEY": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "OTP_ARGON2": "m=64,t=1,p=1",
    }
    with server_process.running_server("--dev", "--workers", "1", **environ) as process:
        yield f"http://127.0.0.1:{process.port}"


def operations(server: str, document: str) -> list[Operation]:
    """Return the operations of a document in its order, with deletions at the end."""
    paths = httpx.get(f"{server}/{document}").json()["paths"]
    found = [
        Operation(
            operation["operationId"],
            method,
            path,
            # The documented answers to a right request.
            [s for s in operation["responses"] if s < "300"] or ["403"],
            {each["label"]: each["source"] for each in operation["x-codeSamples"]},
        )
        for path, item in paths.items()
        for method, operation in item.items()
    ]
    deletions = [each for each in found if each.method == "delete"]
    # The longest path is that of the innermost resource.
    deletions.sort(key=lambda each: -each.path.count("/"))
    return [each for each in found if each.method != "delete"] + deletions


def run(language: str, sources: list[str]) -> list[str]:
    """Run the sources, and return what each has written."""
    command = [sys.executable, "-c"]
    if language == "Node":
        command = [redis_server.program("node", required_by="OTP_REQUIRE_NODE"), "-e"]
    done = subprocess.run(
        [*command, RUNNERS[language]],
        input=json.dumps(sources),
        env=PATH | CREDENTIALS,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outputs: list[str] = json.loads(done.stdout)
    return outputs


def code(steps: int = 0) -> str:
    return pyotp.TOTP(TOTP).at(int(time.time()) + 30 * steps)


def auth_values(server: str) -> dict[str, str]:
    """Prepare what the samples of `/auth` name, and return it by its example."""
    with httpx.Client(base_url=server, auth=("shop", SECRET)) as client:
        return _auth_values(client)


def _auth_values(client: httpx.Client) -> dict[str, str]:
    enrolled = client.post("/auth/totp/enroll", json={"identity": "user-4711"}).json()
    otp = pyotp.TOTP(enrolled["secret"]).now()
    activation = {"identity": "user-4711", "otp": otp}
    assert client.post("/auth/totp/activate", json=activation).json() == {
        "VerificationStatus": "approved"
    }
    bound = client.post("/auth/send_otp", json={"phone": "9445012399", "bind": True})
    example = "im4urh8P8UkIUqoOt4VP1J38d-SoSuIW2cDnyWTFoxLYTIRZ-3xCjcwv4AKl"
    return {example: bound.headers["OTP-Verification"]}


def v2_values(server: str) -> dict[str, str]:
    """Prepare the resources that the samples of `/v2` name, and return their values."""
    with httpx.Client(base_url=f"{server}/v2/", auth=(ACCOUNT, SECRET)) as client:
        return _v2_values(client)


def _v2_values(client: httpx.Client) -> dict[str, str]:
    def create(path: str, **form: str) -> str:
        response = client.post(path, data=form)
        assert response.is_success, response.text
        sid: str = response.json()["sid"]
        return sid

    default = f"Services/VA{'0' * 32}"
    service = create("Services", FriendlyName="Samples")
    base, to = f"Services/{service}", "+919445012388"
    limit = create(f"{base}/RateLimits", UniqueName="prepared")
    buckets = f"{base}/RateLimits/{limit}/Buckets"
    factors = f"{base}/Entities/prepared-entity/Factors"
    totp = {"FriendlyName": "Alice", "FactorType": "totp"}
    active = create(factors, **totp, **{"Binding.Secret": TOTP})
    client.post(f"{factors}/{active}", data={"AuthPayload": code()})
    webhook = {"FriendlyName": "x", "EventTypes": "*"}
    return {
        "VE": create(f"{default}/Verifications", To=to, Channel="sms"),
        "VA": service,
        "RK": limit,
        "BL": create(buckets, Max="1", Interval="60"),
        "YF": active,
        "Factors/YF": create(factors, **totp),
        "YC": create(f"{base}/Entities/prepared-entity/Challenges", FactorSid=active),
        "YW": create(f"{base}/Webhooks", **webhook, WebhookUrl="https://example.com/h"),
        "VL": client.get("Attempts").json()["attempts"][0]["sid"],
    }


def v2_examples(server: str) -> dict[str, str]:
    """Return the SID of each kind in the examples of the document."""
    found: dict[str, str] = {}
    for item in httpx.get(f"{server}/openapi-v2.json").json()["paths"].values():
        for operation in item.values():
            for parameter in operation.get("parameters", ()):
                value = str(parameter.get("example", ""))
                is_default = value == "VA" + "0" * 32
                if (
                    parameter.get("in") == "path"
                    and len(value) == 34
                    and not is_default
                ):
                    found.setdefault(value[:2], value)
    return found


def replaced(source: str, values: dict[str, str]) -> str:
    for example, value in values.items():
        source = source.replace(example, value)
    return source


def results(language: str, found: list[Operation], values: dict[str, str]) -> Any:
    """Return the operations of which the sample got another status."""
    sources = [replaced(each.samples[language], values) for each in found]
    outputs = run(language, sources)
    return {
        each.id: output[:200]
        for each, output in zip(found, outputs, strict=True)
        if output.split(" ")[0].strip() not in each.statuses
    }


@pytest.mark.parametrize("language", RUNNERS)
def test_every_sample_of_auth_gets_the_documented_answer(server, language):
    found = operations(server, "openapi.json")

    assert results(language, found, auth_values(server)) == {}
    assert len(found) > 12


@pytest.mark.parametrize("language", RUNNERS)
def test_every_sample_of_v2_gets_the_documented_answer(server, language):
    found, prepared = operations(server, "openapi-v2.json"), v2_values(server)
    examples = v2_examples(server)
    values = {
        f"Factors/{examples['YF']}": f"Factors/{prepared['Factors/YF']}",
        f"Entities/{IDENTITY}": "Entities/prepared-entity",
    }
    values |= {examples[kind]: prepared[kind] for kind in prepared if kind in examples}

    assert results(language, found, values) == {}
    assert len(found) > 50
