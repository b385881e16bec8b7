"""The code blocks of the documents, their commands, and what these print.

Every block is run by a test, or is in `ELSEWHERE` with a reason and with the test that
verifies it in another way.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
# A change of the past can name a command that no longer exists.
PAGES = [
    *sorted({*ROOT.glob("*.md")} - {ROOT / "CHANGELOG.md"}),
    *sorted((ROOT / "docs").glob("**/*.md")),
    *sorted((ROOT / "client").glob("*.md")),
    *sorted((ROOT / "examples").glob("**/*.md")),
    *sorted((ROOT / "deploy").glob("**/*.md")),
]
SHELL = {"console", "sh", "shell", "bash"}
LANGUAGES = SHELL | {"python"}
_BLOCK = re.compile(
    r"^(?P<indent> *)```(?P<language>\w+)\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
# `docker compose exec` runs a command of the same program in a container.
_IN_CONTAINER = re.compile(
    r"docker compose exec(?: -T| -e \w+=\w+)* (?P<service>[\w-]+) (?=otp-engine )"
)
_REQUEST = re.compile(r"curl (?:-i |-X [A-Z]+ )*localhost:3000/")


@dataclass(frozen=True)
class Elsewhere:
    """Why the tests of this module do not run a block.

    Attributes:
        reason: What the block needs.
        test: The test that runs it or verifies what it names, `path::name`.
    """

    reason: str
    test: str


@dataclass(frozen=True)
class Command:
    """A command of a block.

    Attributes:
        line: The command without its prompt.
        shown: The lines that the document shows as its output.
    """

    line: str
    shown: tuple[str, ...]

    @property
    def operator_words(self) -> list[str] | None:
        """The arguments of `otp-engine`, or None for another program."""
        line = _IN_CONTAINER.sub("", self.line)
        return shlex.split(line)[1:] if line.startswith("otp-engine ") else None

    @property
    def service(self) -> str | None:
        """The service of Docker Compose that the command runs in."""
        match = _IN_CONTAINER.match(self.line)
        return match["service"] if match else None

    @property
    def is_request(self) -> bool:
        """Whether it is a request to a service in dev mode."""
        return bool(_REQUEST.match(self.line))


@dataclass(frozen=True)
class Block:
    """A block of code in a document.

    Attributes:
        page: The path of the document in the repository.
        heading: The heading above it.
        language: What follows its first fence.
        text: The code without its indentation.
    """

    page: str
    heading: str
    language: str
    text: str

    def __str__(self) -> str:
        """Return a name for the ids of tests."""
        first = self.text.split("\n", 1)[0]
        return f"{Path(self.page).stem}-{self.heading}-{first}"[:90]

    @property
    def commands(self) -> list[Command]:
        """The commands of a block of a shell, with their output."""
        if self.language != "console":
            lines = [line for line in self.text.splitlines() if line.strip()]
            return [Command(line.split("  #")[0], ()) for line in lines]
        commands = re.findall(
            r"^[$#] (.*)\n((?:(?![$#] ).*\n)*)", self.text, re.MULTILINE
        )
        return [
            Command(line, tuple(filter(str.strip, shown.splitlines())))
            for line, shown in commands
        ]

    @property
    def is_run(self) -> bool:
        """Whether the tests of the commands or of the requests run it."""
        return self.is_operated or self.is_requested

    @property
    def is_operated(self) -> bool:
        """Whether all of its commands are of `otp-engine`."""
        return self._has_only(lambda each: each.operator_words is not None)

    @property
    def is_requested(self) -> bool:
        """Whether all of its commands are requests."""
        return self._has_only(lambda each: each.is_request)

    @property
    def elsewhere(self) -> Elsewhere | None:
        """Why it is not run, and what verifies it."""
        if self.language == "python":
            test = PYTHON.get((self.page, self.heading))
            return Elsewhere("Another test runs it.", test) if test else None
        return ELSEWHERE.get(self.commands[0].line)

    def _has_only(self, condition) -> bool:
        return (
            self.language in SHELL
            and self.elsewhere is None
            and bool(self.commands)
            and all(map(condition, self.commands))
        )


def blocks() -> list[Block]:
    """Return the blocks of all documents that have a language of `LANGUAGES`."""
    found = []
    for page in PAGES:
        text = page.read_text()
        for match in _BLOCK.finditer(text):
            if match["language"] in LANGUAGES:
                above = re.findall(r"^#+ (.*)$", text[: match.start()], re.MULTILINE)
                code = re.sub(
                    rf"^{match['indent']}", "", match["text"], flags=re.MULTILINE
                )
                name = str(page.relative_to(ROOT))
                found.append(Block(name, above[-1], match["language"], code))
    return found


def missing_lines(shown: Sequence[str], printed: str) -> list[str]:
    """Return the shown lines that no printed line has the form of.

    Numbers, times, ids and the width of columns differ between an example and a test,
    and `...` stands for any text.
    """
    lines = [line.strip() for line in printed.splitlines()]
    return [
        line
        for line in shown
        if not any(re.fullmatch(_pattern(line), each) for each in lines)
    ]


# A number, a time, a bar; an id with capitals inside, a hash, a URL of Redis.
_VARIABLE = re.compile(
    r"(?P<any>\.\.\.)|(?P<bar>#+\.*)|(?P<url>rediss?://\S+?(?=\)))"
    r"|(?P<id>\b(?=\w*[a-z0-9])(?=\w*[A-Z])(?=\w*[a-z]\w*[A-Z0-9])[A-Za-z0-9_-]{8,}\b)"
    r"|(?P<hash>\b[0-9a-f-]{8,}\b)|(?P<number>\d+(?:[.,:]\d+)*(?: %)?)"
    r"|(?P<space>\s+)"
)
_PATTERNS = {
    "any": ".*",
    "bar": "[#.]+",
    "url": r"\S+",
    "id": r"[\w-]+",
    "hash": "[0-9a-f-]+",
    # A table has a dash where nothing is known.
    "number": r"(?:\d+(?:[.,:]\d+)*(?: %)?|-)",
    "space": r"\s+",
}


def _pattern(line: str) -> str:
    pattern, end = "", 0
    for match in _VARIABLE.finditer(line.strip()):
        pattern += re.escape(line.strip()[end : match.start()])
        pattern += _PATTERNS[match.lastgroup or ""]
        end = match.end()
    return pattern + re.escape(line.strip()[end:])


_DEPLOYMENT = "tests/deploy/test_deployment_guide.py::"
_NAMED = f"{_DEPLOYMENT}test_guide_names_only_what_exists"
_KUBERNETES = "tests/deploy/test_kubernetes_guide.py::"
_DISTRIBUTION = "tests/deploy/test_distribution.py::"
_CONTRIBUTING = "tests/e2e/test_contributing.py::"
_WORKFLOWS = "tests/deploy/test_workflows.py::"
_FORMS = (
    "tests/examples/test_login_forms.py::"
    "test_person_logs_in_after_the_commands_of_the_readme"
)
_SINGLE_PAGE = (
    "tests/examples/test_single_page.py::"
    "test_commands_of_the_readme_start_the_application"
)
_RELEASE = "otp deploy/helm/otp-engine --namespace otp --values my-values.yaml"
_IN_POD = "kubectl --namespace otp exec deploy/otp-otp-engine --"
ELSEWHERE = {
    "export OTP_PROOF_KEY=$(openssl rand -base64 32)"
    " OTP_RETURN_ORIGINS=http://localhost:8000": Elsewhere(
        "It starts a service of its own.", _FORMS
    ),
    "export OTP_PROOF_KEY=$(openssl rand -base64 32)": Elsewhere(
        "It starts a service of its own.", _SINGLE_PAGE
    ),
    "cd examples/django": Elsewhere("It starts an example.", _FORMS),
    "cd examples/fastapi": Elsewhere("It starts an example.", _FORMS),
    "cd examples/single-page": Elsewhere("It starts an example.", _SINGLE_PAGE),
    "cd examples/express": Elsewhere(
        "It starts an example.",
        "tests/examples/test_express.py::"
        "test_commands_of_the_readme_start_the_application",
    ),
    'curl -u "$ACCOUNT_SID:$AUTH_TOKEN" http://127.0.0.1:3000/v2/Services'
    " -d FriendlyName=Shop -d BindVerifications=true": Elsewhere(
        "It needs credentials.",
        "tests/examples/test_express.py::"
        "test_wrong_codes_of_another_session_of_the_number_do_not_count",
    ),
    'curl -u "$ACCOUNT_SID:$AUTH_TOKEN"'
    ' "http://127.0.0.1:3000/v2/Services/$SERVICE_SID/Verifications" \\': Elsewhere(
        "It needs credentials.",
        "tests/examples/test_mobile.py::"
        "test_message_of_the_command_is_read_by_the_android_app",
    ),
    "pip install ./client            # in a clone; with proof tokens:"
    " './client[proofs]'": Elsewhere(
        "It needs a clean environment.",
        f"{_DISTRIBUTION}test_installed_client_sends_a_code",
    ),
    "uvx --from 'otp-engine[embedded]' otp-engine serve --dev": Elsewhere(
        "It installs from a registry.",
        f"{_DISTRIBUTION}test_dev_mode_of_the_wheel_sends_and_checks_a_code",
    ),
    "pipx install otp-engine": Elsewhere(
        "It installs from a registry.",
        f"{_DISTRIBUTION}test_installed_program_shows_its_version_and_makes_a_pepper",
    ),
    "cosign verify REGISTRY/OWNER/otp-engine:0.1.0 --certificate-oidc-issuer"
    " https://token.actions.githubusercontent.com --certificate-identity"
    " https://github.com/OWNER/otp-engine/.github/workflows/release.yml"
    "@refs/tags/v0.1.0": Elsewhere(
        "It needs a published release.",
        f"{_WORKFLOWS}test_documented_commands_verify_what_the_workflow_publishes",
    ),
    "gh attestation verify oci://REGISTRY/OWNER/otp-engine:0.1.0"
    " --repo OWNER/otp-engine": Elsewhere(
        "It needs a published release.",
        f"{_WORKFLOWS}test_documented_commands_verify_what_the_workflow_publishes",
    ),
    "docker buildx imagetools inspect REGISTRY/OWNER/otp-engine:0.1.0"
    " --format '{{ json .SBOM }}'": Elsewhere(
        "It needs a published release.",
        f"{_WORKFLOWS}test_image_is_built_for_both_platforms_and_signed_by_digest",
    ),
    ".venv/bin/pytest tests/domain/test_check.py -k wrong": Elsewhere(
        "It runs the tests.", f"{_CONTRIBUTING}test_example_of_pytest_selects_tests"
    ),
    ".venv/bin/python -c 'from otp_engine.store.lua_scripts import load;"
    ' print(load("reserve_check"))\' >/tmp/script.lua': Elsewhere(
        "It needs a Redis of its own.",
        f"{_CONTRIBUTING}test_debugger_of_redis_stops_in_the_printed_script",
    ),
    "make run": Elsewhere(
        "It installs the project.",
        "tests/test_readme.py::test_first_two_minutes_of_the_readme_work",
    ),
    'OTP_ROUTES="*=whatsapp:console>sms:console" make run': Elsewhere(
        "It installs the project, and needs a service of its own.",
        "tests/test_readme.py::test_fallback_of_the_readme_is_in_the_inbox",
    ),
    "OTP_API_KEYS=shop:sha256:... OTP_PROOF_KEY=... make run": Elsewhere(
        "It installs the project, and the secrets are left out.",
        "tests/api/test_authentication.py::test_secret_of_hashed_key_is_accepted",
    ),
    "python3 -m venv /opt/otp-engine && . /opt/otp-engine/bin/activate": Elsewhere(
        "It installs the project, and sends through Twilio.",
        "tests/deploy/test_distribution.py::"
        "test_installed_program_shows_its_version_and_makes_a_pepper",
    ),
    "curl -s https://otp.example.com/verify.js | openssl dgst -sha384 -binary"
    " | openssl base64 -A": Elsewhere(
        "It needs a service with a host name.",
        "tests/e2e/test_drop_in.py::test_pinned_script_opens_the_dialog",
    ),
    "make image": Elsewhere("It needs Docker.", _NAMED),
    "uvx --from 'otp-engine[embedded] @ ./build/dist/otp_engine-0.1.0-py3-none-any.whl'"
    " otp-engine serve --dev": Elsewhere(
        "It needs a build of its own.",
        "tests/deploy/test_distribution.py::"
        "test_dev_mode_of_the_wheel_sends_and_checks_a_code",
    ),
    "cp .env.example .env && chmod 600 .env": Elsewhere("It needs Docker.", _NAMED),
    "docker compose up --detach twilio caddy": Elsewhere("It needs Docker.", _NAMED),
    "docker run --detach --name otp-engine --restart unless-stopped --stop-timeout 45"
    " --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges"
    " --env-file otp-engine.env -p 127.0.0.1:3000:3000 otp-engine": Elsewhere(
        "It needs Docker.", _NAMED
    ),
    "apt-get install --yes --no-install-recommends python3-venv redis-server"
    " caddy": Elsewhere("It installs packages on the machine.", _NAMED),
    "password=$(openssl rand -hex 32)": Elsewhere(
        "It changes the Redis of the machine.",
        f"{_DEPLOYMENT}test_redis_accepts_the_settings_of_the_guide",
    ),
    "install -d -m 700 /etc/otp-engine /etc/otp-engine/secrets"
    " && cd /etc/otp-engine/secrets && umask 077": Elsewhere(
        "It writes to /etc.",
        f"{_DEPLOYMENT}test_files_of_the_guide_are_the_settings_of_a_service",
    ),
    "cp deploy/systemd/otp-engine.service /etc/systemd/system/": Elsewhere(
        "It changes the services of the machine.", _NAMED
    ),
    "export OTP_FACTOR_KEY=...": Elsewhere(
        "It has no effect by itself.",
        "tests/e2e/test_commands.py::test_command_runs_as_a_process",
    ),
    "export REDISCLI_AUTH=$(sed 's|^redis://:\\(.*\\)@.*|\\1|'"
    " /etc/otp-engine/secrets/redis_url)": Elsewhere(
        "It reads a secret of root.",
        "tests/store/test_backup.py::"
        "test_backup_of_the_systemd_installation_has_the_password",
    ),
    "redis-cli -h redis.internal --rdb otp-2026-11-26.rdb": Elsewhere(
        "It needs Docker.",
        "tests/store/test_backup.py::"
        "test_restored_redis_has_the_state_and_expiries_of_the_backup",
    ),
    "git pull": Elsewhere(
        "It needs Docker and a published repository.",
        "tests/test_readme.py::test_local_stack_starts_without_settings",
    ),
    "OTP_SENDER=smtp,console docker compose --profile mail up": Elsewhere(
        "It needs Docker.",
        "tests/deploy/test_compose.py::test_mailpit_is_the_mail_server_of_the_local_stack",
    ),
    "docker build -t registry.example.com/otp-engine:0.1.0 .": Elsewhere(
        "It needs Docker and a registry.",
        f"{_KUBERNETES}test_values_of_the_guide_are_rendered",
    ),
    "umask 077 && mkdir secrets": Elsewhere(
        "It needs a cluster; the secret is made without one.",
        f"{_KUBERNETES}test_secret_of_the_guide_has_every_key_of_the_values",
    ),
    f"helm upgrade --install {_RELEASE}": Elsewhere(
        "It needs a cluster.", f"{_KUBERNETES}test_values_of_the_guide_are_rendered"
    ),
    f"{_IN_POD} otp-engine doctor --url https://otp.example.com": Elsewhere(
        "It needs a cluster.",
        f"{_KUBERNETES}test_commands_of_the_guide_name_existing_objects",
    ),
    f"{_IN_POD} env OTP_OPERATOR=alice otp-engine policy set ttl 5m"
    ' --reason "shorter codes"': Elsewhere(
        "It needs a cluster.",
        f"{_KUBERNETES}test_commands_of_the_guide_name_existing_objects",
    ),
    "kubectl --namespace otp rollout restart deployment/otp-otp-engine": Elsewhere(
        "It needs a cluster.",
        f"{_KUBERNETES}test_commands_of_the_guide_name_existing_objects",
    ),
    f"helm upgrade {_RELEASE}": Elsewhere(
        "It needs a cluster.", f"{_KUBERNETES}test_values_of_the_guide_are_rendered"
    ),
    "iptables -A INPUT -p tcp --syn --dport 443 -m connlimit --connlimit-above 100"
    " --connlimit-mask 32 -j REJECT --reject-with tcp-reset": Elsewhere(
        "It changes the firewall of the machine.",
        "tests/e2e/test_proxy.py::test_51st_open_request_of_one_address_is_429",
    ),
    "otp-engine doctor --url https://otp.example.com": Elsewhere(
        "It needs a proxy with a public name.",
        "tests/e2e/test_proxy_probe.py::"
        "test_shipped_proxy_passes_and_one_with_underscores_fails",
    ),
    "OTP_PUBLIC_URL=https://verify.twilio.com": Elsewhere(
        "These are settings.",
        "tests/config/test_callback_urls.py::test_host_of_twilio_is_a_problem",
    ),
    "pip install 'otp-engine[apprise]'": Elsewhere(
        "It installs from a registry.",
        "tests/senders/test_apprise.py::test_missing_library_is_a_problem",
    ),
    'curl -si -u "$ACCOUNT_SID:$TOKEN"'
    " https://otp.example.com/v2/Services/VA.../Webhooks/YW..."
    " | grep OTP-Webhook-Secret": Elsewhere(
        "It needs a webhook of a public service.",
        "tests/e2e/test_service_webhooks.py::"
        "test_documented_receiver_accepts_the_life_of_a_factor",
    ),
}
_RECIPES = "tests/test_recipes.py::"
_RECEIVER = "tests/e2e/test_webhook_receiver.py::"
# The tests that run a block of Python, by its page and the heading above it.
PYTHON = {
    ("client/README.md", "OTP Engine client"): "tests/e2e/test_client.py::"
    "test_code_of_the_readme_logs_in",
    ("README.md", "How to call it"): "tests/e2e/test_documented_requests.py::"
    "test_python_of_the_readme_verifies_a_number",
    ("docs/api.md", "Proof tokens"): "tests/e2e/test_documented_requests.py::"
    "test_python_of_the_api_page_accepts_a_proof_token",
    ("docs/event-webhook.md", "Receiving it"): "tests/e2e/test_event_webhook.py::"
    "test_documented_receiver_accepts_events",
    (
        "docs/migrating-from-twilio-verify.md",
        "The changed line",
    ): "tests/e2e/test_documented_requests.py::"
    "test_changed_line_of_python_calls_the_service",
    ("docs/providers.md", "A receiver"): f"{_RECEIVER}"
    "test_receiver_of_the_documentation_gets_a_message",
    ("docs/providers.md", "Recipes"): f"{_RECIPES}test_vonage_accepts_a_message",
    ("docs/providers.md", "Vonage"): f"{_RECIPES}test_vonage_accepts_a_message",
    ("docs/providers.md", "MSG91"): f"{_RECIPES}"
    "test_msg91_gets_template_sender_and_variables",
    ("docs/providers.md", "An Android phone"): f"{_RECIPES}"
    "test_phone_accepts_a_message",
    ("docs/providers.md", "Jasmin, for SMPP"): f"{_RECIPES}"
    "test_jasmin_accepts_a_message",
    ("docs/providers.md", "A report from Python"): f"{_RECIPES}"
    "test_report_of_the_page_is_accepted",
    ("docs/providers.md", "Plug-ins"): "tests/e2e/test_plugins.py::"
    "test_installed_plugin_sends_a_message",
    (
        "docs/quickstart.md",
        "Your own application",
    ): "tests/e2e/test_documented_requests.py::"
    "test_python_of_the_quickstart_verifies_a_number",
    ("docs/service-webhooks.md", "Setting one up"): "tests/e2e/test_sdks.py::"
    "test_python_sdk_manages_webhooks",
    ("docs/service-webhooks.md", "Verifying the signature"): "tests/e2e/"
    "test_service_webhooks.py::test_documented_receiver_accepts_the_life_of_a_factor",
}
