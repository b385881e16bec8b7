"""Sends e-mails through a mail server, by SMTP with a login (RFC 6409).

A message is never repeated: once its last line is sent, a lost connection leaves open
whether the server has accepted it.
"""

from __future__ import annotations

import logging
import smtplib
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic

from otp_engine.config.settings import SmtpSettings
from otp_engine.domain.messages.templates import Message
from otp_engine.domain.models import Channel
from otp_engine.errors import (
    DeliveryFailed,
    DeliveryUnconfirmed,
    OTPError,
    Overloaded,
    ProviderUnavailable,
)
from otp_engine.resilience.time_limit import call_within
from otp_engine.senders import email_message
from otp_engine.senders.smtp_connection import SmtpConnection
from otp_engine.senders.smtp_replies import Reply, Stage, to_error

log = logging.getLogger(__name__)

# Seconds. Together they stay within the 12 s of `Provider.has_deadline`.
_SESSION_TIMEOUT, _SEND_TIMEOUT = 6.0, 6.0
_READY, _START_OF_CONTENT = 220, 354
_SUCCESSES = range(200, 300)
_REJECTIONS = range(400, 600)
# Why there is no connection, from the most special error to the most general.
_REASONS: dict[type[Exception], str] = {
    ssl.SSLCertVerificationError: "has a certificate that is not trusted",
    ssl.SSLError: "has no TLS connection",
    socket.gaierror: "has a host name that is not known",
    TimeoutError: "gives no connection in time",
    smtplib.SMTPServerDisconnected: "closes the connection",
    # The other errors of a login are replies.
    smtplib.SMTPException: "offers no login that this service knows",
}
_INTERNATIONALIZED = ("SMTPUTF8", "BODY=8BITMIME")


class SmtpProvider:
    """Sends e-mails through one mail server."""

    name = "smtp"
    channels = (Channel.EMAIL,)
    has_deadline = True
    reports_delivery = False

    def __init__(  # noqa: PLR0913 - options with defaults
        self,
        settings: SmtpSettings,
        *,
        tls: ssl.SSLContext | None = None,
        session_timeout: float = _SESSION_TIMEOUT,
        send_timeout: float = _SEND_TIMEOUT,
        utcnow: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Create the provider, without a connection.

        Args:
            settings: The server, the login and the sender.
            tls: The context of TLS; by default it trusts the system's authorities.
            session_timeout: Seconds for a connection: name lookup, TLS and login.
            send_timeout: Seconds for a message on a connection.
            utcnow: Returns the time in UTC.
            clock: Returns monotonic seconds.
        """
        self._settings = settings
        self._tls = tls or ssl.create_default_context()
        self._session_timeout = session_timeout
        self._send_timeout = send_timeout
        self._utcnow = utcnow
        self._clock = clock

    def send(self, message: Message) -> str:
        """Send *message*, and return once the server has accepted it.

        Returns:
            The Message-ID.

        Raises:
            ProviderUnavailable, DeliveryFailed, DeliveryUnconfirmed: As documented by
                `Provider.send`.
            InvalidEmail: The server rejected the address.
        """
        content = email_message.build(message, self._settings, self._utcnow())
        connection = self._connect()
        try:
            connection.set_deadline(self._send_timeout)
            self._send_envelope(connection, message)
            self._send_content(connection, message, content)
        finally:
            connection.hang_up()
        return email_message.message_id(message, self._settings)

    def ping(self) -> None:
        """Check the server and the login, without sending a message.

        Raises:
            ProviderUnavailable: The server cannot be reached, or offers no TLS.
            DeliveryFailed: The server rejected the login.
        """
        self._connect().hang_up()

    def _connect(self) -> SmtpConnection:
        """Open a connection with TLS and login.

        A name lookup has no timeout, so a thread of its own does it.
        """
        try:
            return call_within(
                self._session_timeout,
                self._open_session,
                thread_name="connecting",
                on_late_result=SmtpConnection.hang_up,
            )
        except TimeoutError:
            log.warning("smtp: no connection in time")
            raise ProviderUnavailable("gives no connection in time") from None
        except Overloaded:
            raise ProviderUnavailable("has no thread to connect") from None

    def _open_session(self) -> SmtpConnection:
        connection = SmtpConnection(self._settings, self._tls, clock=self._clock)
        connection.set_deadline(self._session_timeout)
        try:
            self._start_session(connection)
        except Exception as error:
            connection.close()
            if isinstance(error, OTPError):
                raise
            reason = _reason(error)
            log.warning("smtp: not connected: %s", reason)
            raise ProviderUnavailable(reason) from None
        return connection

    def _start_session(self, connection: SmtpConnection) -> None:
        settings = self._settings
        code, text = connection.open()
        if code != _READY:
            raise _rejected(Stage.SESSION, code, text)
        try:
            connection.ehlo_or_helo_if_needed()
            if settings.tls == "starttls":
                if not connection.has_extn("starttls"):
                    raise ProviderUnavailable("does not offer STARTTLS")
                connection.starttls(context=self._tls)
                connection.ehlo_or_helo_if_needed()
            if settings.username:
                connection.login(settings.username, settings.password)
        except smtplib.SMTPResponseException as error:
            raise _rejected(
                Stage.SESSION, error.smtp_code, _as_bytes(error.smtp_error)
            ) from None

    def _send_envelope(self, connection: SmtpConnection, message: Message) -> None:
        """Send everything before the content; a lost connection sends no message."""
        options = [] if message.to.isascii() else [*_INTERNATIONALIZED]
        if options and not connection.has_extn("smtputf8"):
            log.warning("smtp: the server does not offer SMTPUTF8")
            raise DeliveryFailed(retry_elsewhere=True)
        try:
            sender = connection.mail(self._settings.sender.canonical, options)
            _check(Stage.SESSION, *sender, message=message)
            _check(Stage.RECIPIENT, *connection.rcpt(message.to), message=message)
            code, text = connection.docmd("DATA")
        except (smtplib.SMTPException, OSError) as error:
            log.warning("smtp: no reply: %s", type(error).__name__)
            raise ProviderUnavailable from None
        if code != _START_OF_CONTENT:
            raise _rejected(Stage.CONTENT, code, text, message)

    def _send_content(
        self, connection: SmtpConnection, message: Message, content: bytes
    ) -> None:
        """Send the content; a lost connection leaves the outcome open."""
        # A line with one dot is the end (RFC 5321, 4.5.2).
        lines = content.replace(b"\r\n.", b"\r\n..")
        try:
            connection.send(lines + b".\r\n")
            code, text = connection.getreply()
        except (smtplib.SMTPException, OSError) as error:
            log.warning("smtp: no reply to a message: %s", type(error).__name__)
            raise DeliveryUnconfirmed from None
        if code in _REJECTIONS:
            raise _rejected(Stage.CONTENT, code, text, message)
        if code not in _SUCCESSES:
            raise DeliveryUnconfirmed


def _check(stage: Stage, code: int, text: bytes, *, message: Message) -> None:
    if code not in _SUCCESSES:
        raise _rejected(stage, code, text, message)


def _rejected(
    stage: Stage, code: int, text: bytes, message: Message | None = None
) -> OTPError:
    reply = Reply.parse(code, text)
    error = to_error(stage, reply)
    # The operator has to act: the login or the sender is the reason.
    is_ours = isinstance(error, DeliveryFailed) and error.retry_elsewhere
    log.log(
        logging.ERROR if is_ours else logging.WARNING,
        "smtp: %s rejected: reply %s: %s",
        f"the message to {message.masked} is" if message else "the connection is",
        *(reply, error.error_code),
    )
    return error


def _as_bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode("ascii", "replace")


def _reason(error: Exception) -> str:
    """Return why there is no connection, without the text of a reply."""
    for kind, reason in _REASONS.items():
        if isinstance(error, kind):
            return reason
    text = error.strerror if isinstance(error, OSError) else None
    return f"does not answer: {text.lower()}" if text else "is no mail server"
