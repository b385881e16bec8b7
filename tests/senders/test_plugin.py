from __future__ import annotations

import logging
import threading
from datetime import timedelta

import pytest

from otp_engine.config.plugin_settings import PluginSettings
from otp_engine.domain.models import Channel
from otp_engine.errors import (
    CountryNotAllowed,
    DeliveryFailed,
    DeliveryUnconfirmed,
    InvalidPhone,
    NumberTypeNotAllowed,
    OTPError,
    ProviderUnavailable,
    RecipientNotOnChannel,
    RecipientOptedOut,
    StoreUnavailable,
)
from otp_engine.resilience.circuit_breaker import CircuitBreaker
from otp_engine.senders.guarded import GuardedSender
from otp_engine.senders.plugin import PluginProvider
from tests.support.fakes import MESSAGE, deliver


class FakePlugin:
    """A plug-in that calls a function for each message."""

    channels = ("sms",)

    def __init__(self, act, ping=lambda: None):
        self.act = act
        self.ping = ping
        self.messages = []

    def send(self, message):
        self.messages.append(message)
        return self.act()


def provider(act, plugin=None):
    settings = PluginSettings(name="acme", channels=(Channel.SMS,))
    return PluginProvider(settings, lambda: plugin or FakePlugin(act))


def failing(error):
    def act():
        raise error

    return provider(act)


@pytest.mark.parametrize(
    ("returned", "message_id"),
    [
        ("m-1", "m-1"),
        (None, None),
        ("", None),
        (7, None),
        ("two words", None),
        ("x" * 129, None),
        (b"m-1", None),
    ],
)
def test_accepted_message_has_the_id_of_the_plugin(returned, message_id):
    assert provider(lambda: returned).send(MESSAGE) == message_id


def test_plugin_gets_the_message():
    plugin = FakePlugin(lambda: None)

    provider(None, plugin).send(MESSAGE)

    assert plugin.messages == [MESSAGE]


@pytest.mark.parametrize(
    "error",
    [
        CountryNotAllowed("IN"),
        DeliveryFailed(retry_elsewhere=True),
        DeliveryFailed(retry_elsewhere=False),
        DeliveryUnconfirmed(),
        InvalidPhone(),
        NumberTypeNotAllowed(),
        ProviderUnavailable(retry_after=timedelta(seconds=9)),
        RecipientNotOnChannel(),
        RecipientOptedOut(),
    ],
    ids=range(9),
)
def test_outcome_of_the_contract_is_raised(error):
    with pytest.raises(type(error)) as raised:
        failing(error).send(MESSAGE)

    assert raised.value is error


class _OwnError(DeliveryFailed):
    pass


@pytest.mark.parametrize(
    "error",
    [
        ValueError("+919445012345"),
        TimeoutError(),
        StoreUnavailable(),
        OTPError(),
        _OwnError(),
        SystemExit(1),
    ],
    ids=lambda error: type(error).__name__,
)
def test_other_exception_is_an_unknown_outcome(error):
    with pytest.raises(DeliveryUnconfirmed) as raised:
        failing(error).send(MESSAGE)

    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


@pytest.mark.parametrize(
    ("code", "kept"), [(30003, 30003), ("absent", "absent"), (919445012345, None)]
)
def test_error_code_of_the_plugin_is_kept_if_it_is_no_number(code, kept):
    error = DeliveryFailed()
    error.provider_error = code

    with pytest.raises(DeliveryFailed) as raised:
        failing(error).send(MESSAGE)

    assert raised.value.provider_error == kept


@pytest.mark.parametrize(
    "error", [InvalidPhone("+919445012345 123456"), RuntimeError("123456")], ids=str
)
def test_texts_of_the_plugin_are_in_no_log_and_no_error(error, caplog):
    with caplog.at_level(logging.DEBUG), pytest.raises(OTPError) as raised:
        failing(error).send(MESSAGE)

    assert "acme: the message to +91********45" in caplog.text
    for text in (caplog.text, str(raised.value), raised.value.message):
        assert "123456" not in text
        assert "9445012345" not in text


def test_plugin_without_ping_answers():
    class Silent:
        def send(self, message):
            """Accept the message."""

    provider(None, Silent()).ping()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (DeliveryFailed(), DeliveryFailed),
        (OSError("s3cret"), ProviderUnavailable),
        (SystemExit(), ProviderUnavailable),
    ],
)
def test_ping_of_the_plugin_is_called(error, kind):
    def ping():
        raise error

    with pytest.raises(kind) as raised:
        provider(None, FakePlugin(None, ping)).ping()

    assert "s3cret" not in str(getattr(raised.value, "reason", ""))


def test_plugin_that_hangs_is_an_unknown_outcome():
    let_go = threading.Event()
    sender = GuardedSender(
        provider(let_go.wait),
        CircuitBreaker(5, timedelta(seconds=10)),
        max_concurrent=1,
        timeout=timedelta(seconds=0.05),
    )
    try:
        with pytest.raises(DeliveryUnconfirmed):
            deliver(sender)
    finally:
        let_go.set()
