from __future__ import annotations

import pytest

from otp_engine import config
from otp_engine.config.aws_settings import AwsSettings, AwsTemplate
from otp_engine.errors import InvalidSettings

AWS = {
    "OTP_DEV": "1",
    "OTP_SENDER": "aws",
    "OTP_API_KEYS": "shop:shop-secret-0123456789abcdef",
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_REGION": "eu-west-1",
    "OTP_AWS_NOTIFY_CONFIGURATION": "nc-1",
}


def _load(**environ: str) -> AwsSettings:
    loaded = config.load(AWS | environ).aws
    assert loaded is not None
    return loaded


def _problems(environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(InvalidSettings) as error:
        config.load(environ)
    return error.value.problems


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("eu-west-1", "https://sms-voice.eu-west-1.amazonaws.com"),
        ("us-gov-west-1", "https://sms-voice.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "https://sms-voice.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_url_is_that_of_the_region(region, url):
    assert _load(AWS_REGION=region).url == url


def test_endpoint_url_replaces_that_of_the_region():
    loaded = _load(AWS_ENDPOINT_URL="https://vpce-1.sms-voice.example.com/")

    assert loaded.url == "https://vpce-1.sms-voice.example.com"


def test_templates_are_read_by_language_and_channel():
    loaded = _load(OTP_AWS_TEMPLATES="en=text-en, pt-BR=br, call:es=voice-es/LUCIA")

    assert loaded.templates == {
        "en": AwsTemplate("text-en"),
        "pt-BR": AwsTemplate("br"),
        "call:es": AwsTemplate("voice-es", "LUCIA"),
    }


@pytest.mark.parametrize(
    "text", ["en", "en=", "english=x", "fax:en=x", "en=x y", "en=x/", "en=a, en=b"]
)
def test_malformed_templates_are_a_problem(text):
    [problem] = _problems(AWS | {"OTP_AWS_TEMPLATES": text})

    assert problem.startswith("OTP_AWS_TEMPLATES has two" if "b" in text else "OTP_AWS")


@pytest.mark.parametrize(
    "name",
    [
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        *("AWS_REGION", "OTP_AWS_NOTIFY_CONFIGURATION"),
    ],
)
def test_each_required_variable_that_is_missing_is_a_problem(name):
    [problem] = _problems(AWS | {name: ""})

    assert problem == f"{name} is not set: the provider aws needs it"


def test_secret_in_place_of_the_key_id_is_not_repeated():
    secret = AWS["AWS_SECRET_ACCESS_KEY"]

    [problem] = _problems(AWS | {"AWS_ACCESS_KEY_ID": secret})

    assert secret not in problem


@pytest.mark.parametrize("region", ["Ireland", "eu-west", "eu-west-1.example.com/x"])
def test_region_of_another_form_is_a_problem(region):
    assert _problems(AWS | {"AWS_REGION": region})


def test_variables_of_aws_are_ignored_without_the_provider():
    assert config.load({"OTP_DEV": "1", "AWS_REGION": "Ireland"}).aws is None


def test_repr_of_settings_contains_no_secret():
    loaded = _load(AWS_SESSION_TOKEN="the-session-token")

    assert AWS["AWS_SECRET_ACCESS_KEY"] not in repr(loaded)
    assert "the-session-token" not in repr(loaded)


@pytest.mark.parametrize(
    ("arn", "host"),
    [
        ("arn:aws:sns:eu-west-1:123456789012:otp", "sns.eu-west-1.amazonaws.com"),
        (
            "arn:aws-cn:sns:cn-north-1:123456789012:otp",
            "sns.cn-north-1.amazonaws.com.cn",
        ),
    ],
)
def test_topic_has_the_host_of_its_region(arn, host):
    topic = _load(OTP_AWS_TOPIC=arn).topic

    assert topic is not None
    assert (topic.arn, topic.host) == (arn, host)


@pytest.mark.parametrize(
    "arn",
    [
        "otp",
        "arn:aws:sqs:eu-west-1:123456789012:otp",
        "arn:aws:sns:eu-west-1.example.com/:123456789012:otp",
        "arn:aws:sns:eu-west-1:12345:otp",
    ],
)
def test_topic_of_another_form_is_a_problem(arn):
    [problem] = _problems(AWS | {"OTP_AWS_TOPIC": arn})

    assert problem.startswith("OTP_AWS_TOPIC must be the ARN")
