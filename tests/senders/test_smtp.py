from __future__ import annotations

import logging
import socket
import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from otp_engine.config.settings import SmtpSettings
from otp_engine.domain import email_addresses
from otp_engine.errors import (
    DeliveryFailed,
    DeliveryUnconfirmed,
    InvalidEmail,
    ProviderUnavailable,
)
from otp_engine.senders.smtp import SmtpProvider
from tests.support import certificates, redis_server, smtp_server
from tests.support.fakes import EMAIL_MESSAGE
from tests.support.smtp_server import PASSWORD, USERNAME

NOW = datetime(2026, 11, 27, 6, 30, tzinfo=UTC)
SETTINGS = SmtpSettings(
    host="127.0.0.1",
    port=0,
    tls="off",
    sender=email_addresses.parse("codes@acme.example"),
    sender_name="Acme",
)
WITH_LOGIN = replace(SETTINGS, username=USERNAME, password=PASSWORD)
DIALOG = {
    "greeting": b"220 ready\r\n",
    "EHLO": b"250-mail\r\n250 SMTPUTF8\r\n",
    "MAIL": b"250 OK\r\n",
    "RCPT": b"250 OK\r\n",
    "DATA": b"354 Go\r\n",
    "end": b"250 2.0.0 OK\r\n",
    "QUIT": b"221 Bye\r\n",
    "HELO": b"",
}


@pytest.fixture
def server():
    with smtp_server.running(enable_SMTPUTF8=True, auth_require_tls=False) as server:
        yield server


@pytest.fixture
def provider(server):
    return build(server.port)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return certificates.authority(tmp_path_factory.mktemp("tls"), "mail")


def build(port, settings=SETTINGS, *, timeout=5, tls=None):
    return SmtpProvider(
        replace(settings, port=port),
        tls=tls,
        session_timeout=timeout,
        send_timeout=timeout,
        utcnow=lambda: NOW,
    )


def test_email_has_headers_of_an_automatic_message(provider, server):
    message_id = provider.send(EMAIL_MESSAGE)

    (email,) = server.emails
    assert message_id == f"{EMAIL_MESSAGE.delivery_id}@acme.example"
    assert {name: email[name] for name in email if not name.startswith("X-")} == {
        "From": "Acme <codes@acme.example>",
        "To": "person@example.com",
        "Subject": "Your Acme code",
        "Date": "Fri, 27 Nov 2026 06:30:00 +0000",
        "Message-ID": f"<{message_id}>",
        "Auto-Submitted": "auto-generated",
        "Content-Language": "en",
        "MIME-Version": "1.0",
        "Content-Type": email["Content-Type"],
    }
    assert (server.senders, server.recipients) == (
        ["codes@acme.example"],
        ["person@example.com"],
    )


def test_greeting_of_the_client_has_its_address_and_no_name(provider, server):
    provider.ping()

    assert server.host_names == ["[127.0.0.1]"]


@pytest.mark.parametrize("implicit", [True, False])
def test_message_is_sent_with_tls_and_login(authority, implicit):
    certificate, tls = authority.issue(), authority.client_context()
    settings = replace(WITH_LOGIN, tls="implicit" if implicit else "starttls")
    with smtp_server.running(
        certificate, implicit=implicit, auth_require_tls=not implicit
    ) as server:
        build(server.port, settings, tls=tls).send(EMAIL_MESSAGE)

    assert server.recipients == ["person@example.com"]
    assert server.logins == [USERNAME]
    assert server.sessions[-1] is True


@pytest.mark.parametrize("implicit", [True, False])
def test_certificate_of_another_authority_is_not_trusted(
    authority, tmp_path, implicit, caplog
):
    other = certificates.authority(tmp_path, "other")
    settings = replace(WITH_LOGIN, tls="implicit" if implicit else "starttls")
    with (
        smtp_server.running(other.issue(), implicit=implicit) as server,
        pytest.raises(ProviderUnavailable) as caught,
    ):
        build(server.port, settings, tls=authority.client_context()).send(EMAIL_MESSAGE)

    assert caught.value.reason == "has a certificate that is not trusted"
    assert server.logins == []


def test_server_without_starttls_gets_neither_login_nor_message(server):
    provider = build(server.port, replace(WITH_LOGIN, tls="starttls"))

    with pytest.raises(ProviderUnavailable) as caught:
        provider.send(EMAIL_MESSAGE)

    assert caught.value.reason == "does not offer STARTTLS"
    assert (server.logins, server.emails) == ([], [])


def test_plain_text_sent_after_starttls_is_discarded(authority):
    tls = certificates.server_context(authority.issue())

    def inject(connection):
        connection.sendall(b"220 ready\r\n")
        connection.recv(4096)
        connection.sendall(b"250-mail\r\n250 STARTTLS\r\n")
        connection.recv(4096)
        connection.sendall(b"220 go\r\n250 injected\r\n")
        with tls.wrap_socket(connection, server_side=True) as secure:
            smtp_server.converse(secure, DIALOG, greet=False)

    provider_settings = replace(SETTINGS, tls="starttls")
    with smtp_server.scripted(inject) as port:
        provider = build(port, provider_settings, tls=authority.client_context())
        message_id = provider.send(EMAIL_MESSAGE)

    assert message_id


def test_wrong_login_is_an_error_of_the_account(server):
    provider = build(server.port, replace(WITH_LOGIN, password="wrong"))

    with pytest.raises(DeliveryFailed) as caught:
        provider.send(EMAIL_MESSAGE)

    assert caught.value.retry_elsewhere
    assert caught.value.provider_error == 535
    assert server.emails == []


def test_login_at_a_server_without_logins_is_unavailable():
    settings = replace(WITH_LOGIN, tls="off")
    with (
        smtp_server.scripted(lambda c: smtp_server.converse(c, DIALOG)) as port,
        pytest.raises(ProviderUnavailable) as caught,
    ):
        build(port, settings).ping()

    assert caught.value.reason == "offers no login that this service knows"


@pytest.mark.parametrize(
    ("command", "reply", "error", "retry_elsewhere"),
    [
        ("MAIL", "550 5.7.1 Sender not allowed", DeliveryFailed, True),
        ("MAIL", "451 4.3.0 Try again", ProviderUnavailable, None),
        ("MAIL", "421 4.3.2 Shutting down", ProviderUnavailable, None),
        ("RCPT", "550 5.1.1 <person@example.com> Unknown", InvalidEmail, None),
        ("RCPT", "550 5.1.2 Bad domain", InvalidEmail, None),
        ("RCPT", "556 5.1.10 Null MX", InvalidEmail, None),
        ("RCPT", "550 No such user", InvalidEmail, None),
        ("RCPT", "553 Mailbox name not allowed", InvalidEmail, None),
        ("RCPT", "550 5.2.1 Disabled", DeliveryFailed, False),
        ("RCPT", "552 5.2.2 Full", DeliveryFailed, False),
        ("RCPT", "552 Full", DeliveryFailed, False),
        ("RCPT", "550 5.4.1 No route", DeliveryFailed, False),
        ("RCPT", "554 5.7.1 Relay access denied", DeliveryFailed, True),
        ("RCPT", "530 5.7.0 Log in first", DeliveryFailed, True),
        ("RCPT", "503 Bad sequence", DeliveryFailed, True),
        ("RCPT", "450 4.2.0 Greylisted", DeliveryFailed, True),
        ("RCPT", "451 4.7.1 Greylisted", DeliveryFailed, True),
        ("RCPT", "452 4.2.2 Full", DeliveryFailed, True),
        ("RCPT", "450 Mailbox busy", DeliveryFailed, True),
        ("RCPT", "451 4.3.0 Local error", ProviderUnavailable, None),
        ("RCPT", "421 4.2.0 Shutting down", ProviderUnavailable, None),
        ("DATA", "554 5.7.1 Spam", DeliveryFailed, True),
        ("DATA", "552 5.3.4 Too big", DeliveryFailed, True),
        ("DATA", "550 5.1.1 Unknown", InvalidEmail, None),
        ("DATA", "550 5.2.2 Full", DeliveryFailed, False),
        ("DATA", "550 5.1.8 Sender's domain unknown", DeliveryFailed, True),
        ("DATA", "451 4.7.1 Try again", ProviderUnavailable, None),
        ("DATA", "452 4.2.2 Full", DeliveryFailed, True),
        ("DATA", "421 4.3.2 Shutting down", ProviderUnavailable, None),
    ],
)
def test_rejection_has_error_of_its_class(
    provider, server, command, reply, error, retry_elsewhere, caplog
):
    server.replies[command] = reply

    with caplog.at_level(logging.DEBUG), pytest.raises(error) as caught:
        provider.send(EMAIL_MESSAGE)

    assert type(caught.value) is error
    assert caught.value.provider_error == int(reply[:3])
    assert getattr(caught.value, "retry_elsewhere", None) is retry_elsewhere
    assert server.emails == []
    own = [r.getMessage() for r in caplog.records if r.name.startswith("otp_engine")]
    assert any("p***@e***.com" in line for line in own)
    assert not any("person@" in line or "123456" in line for line in own)


@pytest.mark.parametrize(
    ("stage", "error"),
    [
        *((stage, ProviderUnavailable) for stage in [*DIALOG][:5]),
        ("end", DeliveryUnconfirmed),
    ],
)
def test_lost_connection_is_unconfirmed_only_after_the_content(stage, error):
    dialog = DIALOG | {stage: b""}
    with (
        smtp_server.scripted(lambda c: smtp_server.converse(c, dialog)) as port,
        pytest.raises(error) as caught,
    ):
        build(port).send(EMAIL_MESSAGE)

    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("stage", "error"),
    [
        *((stage, ProviderUnavailable) for stage in [*DIALOG][:5]),
        ("end", DeliveryUnconfirmed),
    ],
)
@pytest.mark.parametrize(
    "reply", [b"garbage\r\n", b"\xff\xfe\r\n", b"250-" + b"x" * 99]
)
def test_malformed_reply_is_unconfirmed_only_after_the_content(stage, error, reply):
    dialog = DIALOG | {stage: reply}
    with (
        smtp_server.scripted(lambda c: smtp_server.converse(c, dialog)) as port,
        pytest.raises(error) as caught,
    ):
        build(port, timeout=0.3).send(EMAIL_MESSAGE)

    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("stage", "error"),
    [
        *((stage, ProviderUnavailable) for stage in [*DIALOG][:5]),
        ("end", DeliveryUnconfirmed),
    ],
)
def test_reply_byte_by_byte_ends_at_the_deadline(stage, error):
    ended = threading.Event()

    def drip(connection):
        smtp_server.converse(connection, DIALOG, until=stage)
        for byte in b"250-" + b"x" * 10_000:
            if ended.wait(0.02):
                break
            connection.sendall(bytes([byte]))

    with smtp_server.scripted(drip) as port:
        provider = build(port, timeout=0.3)

        with pytest.raises(error) as caught:
            provider.send(EMAIL_MESSAGE)
        ended.set()

    assert type(caught.value) is error


def test_endless_reply_ends_before_the_deadline():
    def flood(connection):
        connection.sendall(b"220 ready\r\n")
        while True:
            connection.sendall(b"250-more\r\n" * 1000)

    with smtp_server.scripted(flood) as port, pytest.raises(ProviderUnavailable):
        build(port, timeout=60).send(EMAIL_MESSAGE)


def test_closed_port_is_unavailable():
    with pytest.raises(ProviderUnavailable) as caught:
        build(redis_server.free_port()).send(EMAIL_MESSAGE)

    assert caught.value.reason == "does not answer: connection refused"


def test_unknown_host_is_unavailable():
    provider = build(25, replace(SETTINGS, host="mail.invalid"))

    with pytest.raises(ProviderUnavailable) as caught:
        provider.ping()

    assert caught.value.reason == "has a host name that is not known"


def test_ping_sends_no_message(server):
    build(server.port, WITH_LOGIN).ping()

    assert server.logins == [USERNAME]
    assert server.emails == []


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("josé@example.com", "example.com"),
        ("राम@उदाहरण.भारत", "xn--p1b6ci4b4b3a.xn--h2brj9c"),
    ],
)
def test_internationalized_address_is_sent_with_smtputf8(
    provider, server, address, domain
):
    recipient = email_addresses.parse(address)
    message = replace(EMAIL_MESSAGE, to=recipient.canonical, subject="コード")

    provider.send(message)

    local_part = address.partition("@")[0]
    assert server.recipients == [f"{local_part}@{domain}"]
    assert "SMTPUTF8" in server.options[0]
    assert f"To: {local_part}@{domain}\r\n".encode() in server.contents[0]


def test_internationalized_domain_needs_no_smtputf8(provider, server):
    recipient = email_addresses.parse("person@bücher.example")

    provider.send(replace(EMAIL_MESSAGE, to=recipient.canonical))

    assert server.recipients == ["person@xn--bcher-kva.example"]
    assert server.contents[0].isascii()


def test_internationalized_address_is_rejected_without_smtputf8():
    with (
        smtp_server.running(enable_SMTPUTF8=False) as server,
        pytest.raises(DeliveryFailed) as caught,
    ):
        build(server.port).send(replace(EMAIL_MESSAGE, to="josé@example.com"))

    assert caught.value.retry_elsewhere
    assert server.emails == []


def test_line_that_starts_with_a_dot_keeps_it(provider, server):
    provider.send(replace(EMAIL_MESSAGE, body="123456\n.\n..hidden\n.end"))

    text = server.emails[0].get_body(("plain",)).get_content()
    assert text.splitlines() == ["123456", ".", "..hidden", ".end"]


def test_simultaneous_messages_are_all_sent(provider, server):
    threads = [
        threading.Thread(
            target=provider.send,
            args=(replace(EMAIL_MESSAGE, to=f"person{i}@example.com"),),
        )
        for i in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(server.recipients) == [f"person{i}@example.com" for i in range(10)]


def test_repr_and_errors_of_settings_have_no_password():
    assert PASSWORD not in repr(WITH_LOGIN)


def test_late_connection_is_closed():
    accepted, closed = threading.Event(), threading.Event()

    def late(connection):
        accepted.set()
        connection.settimeout(10)
        with connection:
            # The client closes the connection without a greeting.
            assert connection.recv(1) == b""
        closed.set()

    with smtp_server.scripted(late) as port:
        with pytest.raises(ProviderUnavailable):
            build(port, timeout=0.2).send(EMAIL_MESSAGE)

        assert accepted.is_set()
        assert closed.wait(10)


def test_connection_refused_by_greeting_has_class_of_its_reply():
    dialog = DIALOG | {"greeting": b"554 5.3.2 No service\r\n"}
    with (
        smtp_server.scripted(lambda c: smtp_server.converse(c, dialog)) as port,
        pytest.raises(DeliveryFailed) as caught,
    ):
        build(port).send(EMAIL_MESSAGE)

    assert caught.value.provider_error == 554


def test_quit_needs_no_reply():
    dialog = DIALOG | {"QUIT": b""}
    with smtp_server.scripted(lambda c: smtp_server.converse(c, dialog)) as port:
        message_id = build(port).send(EMAIL_MESSAGE)

    assert message_id


def test_socket_of_an_ipv6_server_is_greeted_by_ipv6_literal():
    if not socket.has_ipv6:
        pytest.skip("no IPv6 on this machine")
    with smtp_server.running(hostname="::1") as server:
        build(server.port, replace(SETTINGS, host="::1")).ping()

    assert server.host_names == ["[IPv6:::1]"]
