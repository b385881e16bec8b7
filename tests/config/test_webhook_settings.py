from __future__ import annotations

import base64
from ipaddress import ip_network

import pytest

from otp_engine import config
from otp_engine.config import webhook_settings
from otp_engine.config.env_reader import EnvReader
from otp_engine.config.proxies import Proxy
from otp_engine.config.webhook_settings import Preset
from otp_engine.crypto.webhook_signatures import WebhookSecret
from otp_engine.domain.models import Channel
from otp_engine.errors import InvalidSettings
from tests.support.settings import PRODUCTION

FIRST, SECOND = (WebhookSecret(bytes([number]) * 24) for number in range(2))
URL = "https://gateway.example.com/otp"
ENVIRON = {
    "OTP_WEBHOOKS": f"gateway={URL}",
    "OTP_WEBHOOK_SECRETS": f"gateway={FIRST.to_text()}",
}


def load(*, dev=False, **environ):
    env = EnvReader(ENVIRON | environ)
    webhooks = webhook_settings.load(env, dev=dev)
    assert not env.problems
    return webhooks


def problems(*, dev=False, **environ):
    env = EnvReader(ENVIRON | environ)
    webhook_settings.load(env, dev=dev)
    return env.problems


def test_invalid_entry_is_one_problem_only():
    environ = {
        "OTP_SENDER": "msg91",
        "OTP_WEBHOOKS": "msg91:reports=https://otp.example.com",
        "OTP_WEBHOOK_SECRETS": f"msg91={FIRST.to_text()}",
    }

    with pytest.raises(InvalidSettings) as caught:
        config.load(PRODUCTION | environ)

    [problem] = caught.value.problems
    assert problem.startswith("OTP_WEBHOOKS must have only channels of")


def test_entry_has_defaults():
    (webhook,) = load()

    assert (webhook.name, webhook.url) == ("gateway", URL)
    assert webhook.channels == (Channel.SMS,)
    assert webhook.preset is Preset.SIGNED
    assert webhook.secrets == (FIRST,)
    assert not webhook.has_reports
    assert webhook.authorization is None
    assert webhook.proxy is None


def test_no_webhooks_are_loaded_without_the_setting():
    assert load(OTP_WEBHOOKS="", OTP_WEBHOOK_SECRETS="") == ()


def test_entries_have_names_of_their_own():
    webhooks = load(
        OTP_WEBHOOKS=f"one={URL}?a=b=c, two={URL}",
        OTP_WEBHOOK_SECRETS=f"one={FIRST.to_text()}, two={SECOND.to_text()}",
    )

    assert [webhook.url for webhook in webhooks] == [f"{URL}?a=b=c", URL]
    assert [webhook.secrets for webhook in webhooks] == [(FIRST,), (SECOND,)]


def test_options_are_between_name_and_url():
    (webhook,) = load(OTP_WEBHOOKS=f"gateway::reports={URL}")

    assert webhook.has_reports
    assert webhook.channels == (Channel.SMS,)


def test_preset_needs_no_secret():
    (webhook,) = load(
        OTP_WEBHOOKS=f"gateway:sms:from_to_body={URL}", OTP_WEBHOOK_SECRETS=""
    )

    assert webhook.preset is Preset.FROM_TO_BODY


def test_two_secrets_are_a_rotation():
    secrets = f"gateway={FIRST.to_text()},gateway={SECOND.to_text()}"

    assert load(OTP_WEBHOOK_SECRETS=secrets)[0].secrets == (FIRST, SECOND)


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("bearer:s3cret=", "Bearer s3cret="),
        ("basic:user:p:w", f"Basic {base64.b64encode(b'user:p:w').decode()}"),
    ],
)
def test_header_is_beside_the_secret(text, header):
    secrets = f"gateway={FIRST.to_text()}, gateway={text}"
    (webhook,) = load(OTP_WEBHOOK_SECRETS=secrets)

    assert webhook.authorization == header
    assert webhook.secrets == (FIRST,)


def test_secrets_are_read_from_a_file(tmp_path):
    path = tmp_path / "secrets"
    path.write_text(ENVIRON["OTP_WEBHOOK_SECRETS"])
    (webhook,) = load(OTP_WEBHOOK_SECRETS="", OTP_WEBHOOK_SECRETS_FILE=str(path))

    assert webhook.secrets == (FIRST,)


def test_proxy_is_that_of_the_environment():
    (webhook,) = load(HTTPS_PROXY="http://proxy:3128")

    assert webhook.proxy == Proxy(url="http://proxy:3128")


def test_representation_contains_no_secret():
    url = f"{URL}?key=url-secret"
    secrets = f"{ENVIRON['OTP_WEBHOOK_SECRETS']},gateway=bearer:header-secret"
    text = repr(load(OTP_WEBHOOKS=f"gateway={url}", OTP_WEBHOOK_SECRETS=secrets))

    assert "url-secret" not in text
    assert "header-secret" not in text
    assert FIRST.to_text() not in text
    assert repr(FIRST.key) not in text


@pytest.mark.parametrize(
    "text",
    [
        "gateway",
        URL,
        f"={URL}",
        f"Gateway={URL}",
        f"gate way={URL}",
        f"+919445012345={URL}",
        f"gateway:sms:reports:more={URL}",
        f"gateway={URL},",
        f"gateway={URL},other.example.com",
    ],
)
def test_malformed_entry_is_a_problem(text):
    found = problems(OTP_WEBHOOKS=text)

    assert found == [] if text.endswith(",") else "must be comma-separated" in found[0]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"gateway={URL},gateway={URL}", "each name once"),
        (f"twilio={URL}", "reserved name twilio"),
        (f"gateway:fax={URL}", "only channels of"),
        (f"gateway:sms:fast={URL}", "only options of"),
        (f"gateway:sms:reports+from_to_body={URL}", "must not have reports"),
        ("gateway=", "without spaces"),
        ("gateway=ftp://example.com", "http or https"),
        ("gateway=/otp", "http or https"),
        ("gateway=https://", "http or https"),
        ("gateway=https://exa mple.com", "without spaces"),
        ("gateway=https://example.com:0", "http or https"),
        ("gateway=https://[::1", "http or https"),
        ("gateway=https://user:s3cret@example.com", "without a user name"),
        (f"gateway={URL}#part", "without a fragment"),
        ("gateway=https://2130706433/", "such as 203.0.113.7"),
        ("gateway=https://0177.0.0.1/", "such as 203.0.113.7"),
        ("gateway=https://0x7f000001/", "such as 203.0.113.7"),
        ("gateway=https://127.1/", "such as 203.0.113.7"),
    ],
)
def test_invalid_entry_is_a_problem(text, problem):
    (found,) = problems(OTP_WEBHOOKS=text, OTP_WEBHOOK_SECRETS="")

    assert found.startswith("OTP_WEBHOOKS ")
    assert problem in found
    assert "s3cret" not in found


def test_problem_of_a_url_without_a_name_does_not_contain_its_secret():
    url = "https://example.com/secret-path?key=secret-key"

    (found,) = problems(OTP_WEBHOOKS=url, OTP_WEBHOOK_SECRETS="")

    assert "must be comma-separated entries" in found
    assert "secret-" not in found


def test_list_without_entry_is_a_problem():
    (found,) = problems(OTP_WEBHOOKS=",", OTP_WEBHOOK_SECRETS="")

    assert "must be comma-separated entries" in found


def test_signed_receiver_needs_a_secret():
    (found,) = problems(OTP_WEBHOOK_SECRETS="gateway=bearer:token")

    assert found.startswith("OTP_WEBHOOK_SECRETS has no secret of gateway")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("gateway", "must be comma-separated entries"),
        (f"={FIRST.to_text()}", "must be comma-separated entries"),
        ("gateway=s3cret", "has an entry of gateway"),
        ("gateway=bearer:", "has an entry of gateway"),
        ("gateway=bearer:s3cret\n", None),
        ("gateway=bearer:s3 cret", "has an entry of gateway"),
        ("gateway=basic:s3cret", "has an entry of gateway"),
        ("gateway=whsec_s3cret", "has an entry of gateway"),
        (f"gateway={FIRST.to_text()},gateway={FIRST.to_text()}", "once"),
        ("gateway=bearer:a,gateway=bearer:b", "at most 2 secrets and one header"),
        (f"other={FIRST.to_text()}", "has the names other"),
    ],
)
def test_invalid_secret_is_a_problem_without_its_text(text, problem):
    found = problems(
        OTP_WEBHOOKS=f"gateway:sms:from_to_body={URL}", OTP_WEBHOOK_SECRETS=text
    )

    assert bool(found) == bool(problem)
    assert all(problem in each and "s3cret" not in each for each in found)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "[::1]", "[::ffff:10.0.0.1]"],
)
def test_private_address_is_a_problem_without_its_network(host):
    (found,) = problems(OTP_WEBHOOKS=f"gateway=https://{host}/otp")

    assert "private address of gateway" in found


def test_private_address_of_a_listed_network_is_allowed():
    (webhook,) = load(
        OTP_WEBHOOKS="gateway=https://10.1.2.3/otp",
        OTP_WEBHOOK_PRIVATE_NETWORKS="10.1.0.0/16, fd00::/8",
    )

    assert webhook.addresses.private == (
        ip_network("10.1.0.0/16"),
        ip_network("fd00::/8"),
    )
    assert webhook.addresses.allows("8.8.8.8")


@pytest.mark.parametrize(
    "text", ["0.0.0.0/0", "::/0", "8.8.8.0/24", "10.0.0.1/8", "10.0.0.0/7", "host"]
)
def test_network_that_is_not_private_is_a_problem(text):
    (found,) = problems(OTP_WEBHOOK_PRIVATE_NETWORKS=text)

    assert found.startswith("OTP_WEBHOOK_PRIVATE_NETWORKS must")


def test_plain_http_is_a_problem():
    (found,) = problems(OTP_WEBHOOKS="gateway=http://gateway.example.com/otp")

    assert "http URL of gateway" in found


def test_plain_http_reaches_only_listed_networks():
    (webhook,) = load(
        OTP_WEBHOOKS="gateway=http://gateway:8080/otp",
        OTP_WEBHOOK_PRIVATE_NETWORKS="172.16.0.0/12",
    )

    assert webhook.addresses.allows("172.18.0.2")
    assert not webhook.addresses.allows("8.8.8.8")


def test_plain_http_through_a_proxy_is_a_problem():
    (found,) = problems(
        OTP_WEBHOOKS="gateway=http://gateway:8080/otp",
        OTP_WEBHOOK_PRIVATE_NETWORKS="172.16.0.0/12",
        HTTP_PROXY="http://proxy:3128",
    )

    assert "no proxy before them" in found


def test_dev_mode_allows_a_receiver_on_the_same_machine():
    (webhook,) = load(dev=True, OTP_WEBHOOKS="gateway=http://localhost:8080/otp")

    assert webhook.addresses.allows("127.0.0.1")
    assert not webhook.addresses.allows("10.0.0.1")


def warnings(**environ):
    return config.load(PRODUCTION | ENVIRON | environ).warnings


def test_webhook_that_is_no_sender_causes_a_warning():
    assert any("which OTP_SENDER does not list" in text for text in warnings())


def test_webhook_that_is_a_sender_causes_no_warning():
    assert not any("OTP_WEBHOOK" in text for text in warnings(OTP_SENDER="gateway"))


def test_receiver_without_secret_causes_a_warning():
    found = warnings(
        OTP_SENDER="gateway",
        OTP_WEBHOOKS=f"gateway:sms:from_to_body={URL}",
        OTP_WEBHOOK_SECRETS="",
    )

    assert any("cannot reject requests of others" in text for text in found)


@pytest.mark.parametrize("url", ["", "https://otp.example.com"])
def test_reports_without_a_public_url_cause_a_warning(url):
    found = warnings(
        OTP_SENDER="gateway",
        OTP_WEBHOOKS=f"gateway:sms:reports={URL}",
        OTP_PUBLIC_URL=url,
    )

    assert any("has reports of gateway" in text for text in found) != bool(url)


def test_channels_of_a_webhook_are_offered():
    settings = config.load(
        PRODUCTION
        | ENVIRON
        | {"OTP_SENDER": "gateway", "OTP_WEBHOOKS": f"gateway:email+call={URL}"}
    )

    assert settings.offered_channels == (Channel.CALL, Channel.EMAIL)
    assert settings.channels_by_provider["gateway"] == (Channel.EMAIL, Channel.CALL)


def test_dev_mode_with_a_webhook_needs_an_api_key():
    environ = ENVIRON | {"OTP_DEV": "1", "OTP_SENDER": "gateway"}

    with pytest.raises(InvalidSettings, match="the sender gateway needs it"):
        config.load(environ)
