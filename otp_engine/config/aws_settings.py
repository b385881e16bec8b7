"""Settings of the provider `aws`: AWS End User Messaging Notify."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from otp_engine import parsing
from otp_engine.config import proxies, urls
from otp_engine.config import setting_parsers as parsers
from otp_engine.config.env_reader import EnvReader
from otp_engine.config.proxies import Proxy
from otp_engine.crypto.aws_signature import AwsCredentials

VARIABLES = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("AWS_REGION", "AWS_ENDPOINT_URL"),
    *("OTP_AWS_NOTIFY_CONFIGURATION", "OTP_AWS_TEMPLATES"),
    *("OTP_AWS_CONFIGURATION_SET", "OTP_AWS_TOPIC"),
)
"""Every variable that `load` reads."""

_KEY_ID = re.compile(r"[A-Z0-9]{16,128}", re.ASCII)
_REGION = re.compile(r"[a-z]{2,3}(?:-[a-z]{1,16}){1,3}-[0-9]{1,2}", re.ASCII)
_RESOURCE = re.compile(r"[A-Za-z0-9_:/-]{1,256}", re.ASCII)
_TEMPLATE = re.compile(
    r"(?P<key>(?:(?:sms|call):)?[a-z]{2,3}(?:-[A-Z]{2})?)"
    r"=(?P<id>[A-Za-z0-9_-]{1,256})(?:/(?P<voice>[A-Z]{2,20}))?",
    re.ASCII,
)
_CHINA = "cn-"
_TOPIC = re.compile(
    r"arn:(?P<partition>aws|aws-cn|aws-us-gov):sns:(?P<region>[a-z0-9-]{1,40})"
    r":[0-9]{12}:[A-Za-z0-9_-]{1,256}",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class AwsTemplate:
    """A template of Notify for one language.

    Attributes:
        id: Its id; empty for the default of the configuration.
        voice: The voice of a call; empty for the default of AWS.
    """

    id: str
    voice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsTopic:
    """The SNS topic that the events of messages go to.

    Attributes:
        arn: Its ARN.
        host: The host of SNS in the region of the topic.
        proxy: The proxy for requests to that host; None for direct connections.
    """

    arn: str
    host: str
    proxy: Proxy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsSettings:
    """How to send through AWS.

    Attributes:
        credentials: The access key.
        region: The region of the configuration, such as `eu-west-1`.
        url: Base URL of the API, without a trailing slash.
        configuration: Id or ARN of the Notify configuration.
        templates: The templates by language, such as `es`; one of a channel has its
            name in front, such as `call:es`.
        configuration_set: Name or ARN of the configuration set, which selects where
            events go; None for the default of the account.
        topic: The topic of the events; None without delivery reports.
        proxy: The proxy for the requests; None for direct connections.
    """

    credentials: AwsCredentials
    region: str
    url: str
    configuration: str
    templates: Mapping[str, AwsTemplate] = field(default_factory=dict)
    configuration_set: str | None = None
    topic: AwsTopic | None = None
    proxy: Proxy | None = None


def load(env: EnvReader, *, is_used: bool) -> AwsSettings | None:
    """Load the settings.

    Other programs on a machine use the variables of AWS too, so they are read only for
    the provider.

    Args:
        env: The environment variables; collects the problems.
        is_used: Whether `OTP_SENDER` has the provider.

    Returns:
        The settings; None if the provider is not used.
    """
    if not is_used:
        return None
    for name in (*VARIABLES[:2], "AWS_REGION", "OTP_AWS_NOTIFY_CONFIGURATION"):
        env.require(name, why="the provider aws needs it")
    region = env.get("AWS_REGION", _parse_region, "")
    url = env.get("AWS_ENDPOINT_URL", urls.base_url, None) or _endpoint(region)
    return AwsSettings(
        credentials=AwsCredentials(
            access_key_id=env.get("AWS_ACCESS_KEY_ID", _parse_key_id, ""),
            secret_access_key=env.get("AWS_SECRET_ACCESS_KEY", parsers.secret, ""),
            session_token=env.get("AWS_SESSION_TOKEN", parsers.secret, None),
        ),
        region=region,
        url=url,
        configuration=env.get("OTP_AWS_NOTIFY_CONFIGURATION", _parse_resource, ""),
        templates=env.get("OTP_AWS_TEMPLATES", _parse_templates, {}),
        configuration_set=env.get("OTP_AWS_CONFIGURATION_SET", _parse_resource, None),
        topic=_load_topic(env),
        proxy=proxies.find(url, env),
    )


def _load_topic(env: EnvReader) -> AwsTopic | None:
    topic = env.get("OTP_AWS_TOPIC", _parse_topic, None)
    if topic is None:
        return None
    return replace(topic, proxy=proxies.find(f"https://{topic.host}", env))


def _endpoint(region: str) -> str:
    return f"https://sms-voice.{region}.{_domain(region)}"


def _domain(region: str) -> str:
    return "amazonaws.com.cn" if region.startswith(_CHINA) else "amazonaws.com"


def _parse_key_id(text: str) -> str:
    if not _KEY_ID.fullmatch(text):
        # The text can be the secret, by mistake.
        raise ValueError(
            "must be the id of an access key, such as AKIAIOSFODNN7EXAMPLE"
        )
    return text


def _parse_region(text: str) -> str:
    if not _REGION.fullmatch(text):
        raise ValueError(f"must be a region of AWS, such as eu-west-1: {text!r}")
    return text


def _parse_resource(text: str) -> str:
    if not _RESOURCE.fullmatch(text):
        raise ValueError(f"must be the id or the ARN of a resource at AWS: {text!r}")
    return text


def _parse_topic(text: str) -> AwsTopic:
    if not (match := _TOPIC.fullmatch(text)):
        raise ValueError(
            "must be the ARN of an SNS topic, such as"
            f" arn:aws:sns:eu-west-1:123456789012:otp: {text!r}"
        )
    region = match["region"]
    return AwsTopic(arn=text, host=f"sns.{region}.{_domain(region)}")


def _parse_templates(text: str) -> dict[str, AwsTemplate]:
    templates: dict[str, AwsTemplate] = {}
    for entry in parsing.comma_separated(text):
        if not (match := _TEMPLATE.fullmatch(entry)):
            raise ValueError(
                "must have entries such as en=TEMPLATE, pt-BR=TEMPLATE or"
                f" call:es=TEMPLATE/LUCIA: {entry!r}"
            )
        if match["key"] in templates:
            raise ValueError(f"has two templates for {match['key']}")
        templates[match["key"]] = AwsTemplate(match["id"], match["voice"] or "")
    return templates
