"""What an error of Redis means, in words for operators.

The text of an error can repeat the arguments of a command, so only fixed words, the
name of a command and OpenSSL's reason are taken from it.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator

from redis.exceptions import (
    AuthenticationError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.sentinel import MasterNotFoundError

_NO_ANSWER = "does not answer"
NO_ANSWER_IN_TIME = f"{_NO_ANSWER} in time"
"""The meaning of a timeout."""

_CLOSED = "closed the connection: if it requires TLS, REDIS_URL needs rediss"
# Parts of the texts and names of errors, in order. Redis 6 repeats the code of an error
# within the text of the error of a script.
_TEXTS = (
    ("READONLY", "is a read-only replica"),
    ("OOM", "has no memory left for writes: raise its maxmemory"),
    ("MISCONF", "accepts no writes, because it cannot store data on its disk"),
    ("NOREPLICAS", "accepts no writes, because too few replicas are connected"),
    ("BusyLoading", "is loading its data"),
    ("BUSY ", "is busy with a script of another client"),
    ("WRONGTYPE", "has a key otp:* of another program"),
    ("MasterDown", "is a replica without a connection to its primary"),
    ("CLUSTERDOWN", "is a Cluster that does not serve this part of the keys"),
    ("any password", "has no password, and REDIS_URL has one"),
    ("Authentication required", "requires a password"),
    ("unauthenticated", "requires a password"),
    ("AuthenticationError", "refuses the password, or the user name"),
    ("protected mode", "is in protected mode: it needs a password for other machines"),
    ("max number of clients", "has no room for more connections: see its maxclients"),
    ("MovedError", "is a node of a Cluster: REDIS_URL needs redis+cluster://"),
    ("cluster support disabled", "is no Cluster: REDIS_URL needs redis://"),
    ("Protocol Error", "does not answer as a Redis server"),
    ("InvalidResponse", "does not answer as a Redis server"),
    ("Connection closed", _CLOSED),
    ("EXEC without MULTI", "does not permit the user MULTI"),
    ("unknown command 'SENTINEL", "is no Sentinel"),
    # redis-py reads nothing before the first command.
    (
        "Connection not ready",
        "refuses connections: see its maxclients, if it is a Redis server",
    ),
)
_DENIALS = re.compile(r"NoPermission|NOPERM|ACL failure|user executing the script")
_KEYS = re.compile(r"access .*key")
_UNKNOWN_COMMAND = re.compile(
    r"unknown (?:redis )?command(?:[ ,]*['`]([A-Za-z]{1,40})['`])?", re.IGNORECASE
)
_COMMAND = re.compile(r"'([a-z|-]{1,40})' command")


def describe(error: BaseException, database: int | None = None) -> str:
    """Return what *error* means, as the end of a sentence that starts with Redis.

    Args:
        error: An error of redis-py.
        database: Number of the database in use, if known.
    """
    if isinstance(error, RedisTimeoutError):
        return NO_ANSWER_IN_TIME
    if isinstance(error, MasterNotFoundError):
        return _describe_sentinel(str(error))
    # A reply after a retry has the error of the first attempt as its context.
    is_reply = isinstance(error, ResponseError | AuthenticationError)
    if not is_reply and (cause := next(filter(_is_os_error, _causes(error)), None)):
        return _describe_os_error(cause)
    text = f"{type(error).__name__} {getattr(error, 'status_code', '')} {error}"
    if "DB index is out of range" in text:
        return f"has no database {'of this number' if database is None else database}"
    if is_denial(text):
        return f"does not permit the user {_denied(text)}"
    fallback = _NO_ANSWER if isinstance(error, RedisConnectionError) else "has an error"
    return _describe_text(text) or fallback


def _describe_text(text: str) -> str | None:
    known = (words for part, words in _TEXTS if part.lower() in text.lower())
    if words := next(known, None):
        return words
    if command := _UNKNOWN_COMMAND.search(text):
        return unknown_command(command[1].upper() if command[1] else "a command")
    return None


def unknown_command(names: str) -> str:
    """Return what it means that Redis does not know the commands *names*."""
    return (
        f"does not know {names}: it is older than 6.2, a Sentinel, or renames commands"
    )


def _denied(text: str) -> str:
    if command := _COMMAND.search(text):
        return command[1].upper()
    return "the keys otp:*" if _KEYS.search(text) else "a command"


def is_denial(text: str) -> bool:
    """Return whether the *text* of an error means that the user lacks a permission."""
    return bool(_DENIALS.search(text))


def is_read_only(error: RedisError) -> bool:
    """Return whether a replica rejected a write, in a command or in a script."""
    # Redis 6 repeats the error within that of the script.
    in_script = isinstance(error, ResponseError) and "-READONLY" in str(error)
    return in_script or isinstance(error, ReadOnlyError)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or error.__context__


def _is_os_error(error: BaseException) -> bool:
    return isinstance(error, OSError)


def _describe_os_error(error: BaseException) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            words = f"has a certificate that is not trusted: {error.verify_message}"
        case ssl.SSLError():
            words = f"{_NO_ANSWER} with TLS: {error.reason or 'handshake failed'}"
        case socket.gaierror():
            words = f"{_NO_ANSWER}: its host name is not known"
        case ConnectionRefusedError():
            words = f"{_NO_ANSWER}: connection refused"
        case ConnectionResetError() | BrokenPipeError():
            words = _CLOSED
        case TimeoutError():
            words = NO_ANSWER_IN_TIME
        case OSError():
            words = f"{_NO_ANSWER}: {error.strerror or 'no connection'}"
        case _:
            words = _NO_ANSWER
    return words


def _describe_sentinel(text: str) -> str:
    """Describe that no Sentinel named the primary, by the errors in *text*."""
    causes = {
        "AuthenticationError": "require a sentinel_password, or refuse it",
        "TimeoutError": "do not answer in time",
        # With TLS the certificate can be the reason; redis-py does not report it.
        "ConnectionError": "do not answer, or not with a trusted certificate",
    }
    reasons = (words for part, words in causes.items() if part in text)
    return (
        f"is not found: its Sentinels {next(reasons, 'know no service of this name')}"
    )
