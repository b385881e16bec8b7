"""The pages for people: whether they are there, how they look, and what they prove."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from pathlib import Path

from otp_engine.config import readers
from otp_engine.config.given import Environment

VARIABLES = (
    "OTP_VERIFY_PAGE",
    "OTP_RETURN_ORIGINS",
    "OTP_COLOR",
    "OTP_LOGO",
    "OTP_PROOF_KEY",
    "OTP_PROOF_KEY_PREVIOUS",
)

# As browsers write them: no capitals, and no port that goes without saying.
_ORIGIN = re.compile(r"(https?)://[a-z0-9.-]+(:[0-9]{1,5})?", re.ASCII)
_DEFAULT_PORTS = frozenset({":80", ":443"})
_COLOR = re.compile(r"#[0-9a-fA-F]{6}", re.ASCII)
_PICTURES = frozenset({".svg", ".png", ".jpg", ".jpeg", ".webp"})
_MOST_BYTES = 256 * 1024
SEED_BYTES = 32
"""Of a key that approvals are signed with (Ed25519, RFC 8032)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosted:
    """What an operator decides of the pages.

    Attributes:
        verify: Whether anybody may verify a number on the page.
        return_origins: Where the page may send people back to.
        color: Of buttons and links, as `#rrggbb`; none is ours.
        logo: A picture to show; none is the name alone.
        proof_keys: What approvals are signed with, 32 bytes each: the current one, and
            behind it the one before a rotation. With none, nothing is signed.
    """

    verify: bool
    return_origins: tuple[str, ...] = ()
    color: str | None = None
    logo: Path | None = None
    proof_keys: tuple[bytes, ...] = field(default=(), repr=False)


def read(env: Environment, *, dev: bool, verify: bool) -> Hosted:
    """Read what *env* says of the pages.

    Args:
        env: The variables.
        dev: Whether this is development mode.
        verify: Whether there is a page to verify on, if *env* does not decide it.
    """
    keys = [
        env.read(name, _seed, None)
        for name in ("OTP_PROOF_KEY", "OTP_PROOF_KEY_PREVIOUS")
    ]
    if keys[1] and not keys[0]:
        env.demand("OTP_PROOF_KEY", why="the one before it signs nothing any more")
    if keys[0] and keys[0] == keys[1]:
        env.problems.append("OTP_PROOF_KEY_PREVIOUS is the same as OTP_PROOF_KEY")
    origins = read_origins(env, "OTP_RETURN_ORIGINS", dev=dev)
    if origins and not dev:
        env.demand("OTP_PUBLIC_URL", why="a proof names who signed it")
    if origins:
        why = "an application that people return to could not know that they did verify"
        env.demand("OTP_PROOF_KEY", why=why)
    return Hosted(
        verify=env.read("OTP_VERIFY_PAGE", readers.switch, default=verify),
        return_origins=origins,
        color=env.read("OTP_COLOR", _color, None),
        logo=env.read("OTP_LOGO", _logo, None),
        proof_keys=tuple(key for key in keys if key),
    )


def read_origins(env: Environment, name: str, *, dev: bool) -> tuple[str, ...]:
    """Read the origins of the variable *name*; outside of dev mode they are https."""
    origins = env.read(name, _origins, ())
    if not dev and any(origin.startswith("http:") for origin in origins):
        env.problems.append(f"{name} must be https outside of dev mode")
    return origins


def _seed(given: str) -> bytes:
    try:
        seed = base64.b64decode(given.strip(), validate=True)
    except (binascii.Error, ValueError):
        seed = b""
    if len(seed) != SEED_BYTES:
        raise ValueError(
            "must be 32 bytes in base64: `otp-engine keys proof` makes one"
        )
    return seed


def _origins(given: str) -> tuple[str, ...]:
    return tuple(map(_origin, readers.parts(given)))


def _origin(given: str) -> str:
    if not (match := _ORIGIN.fullmatch(given)) or match[2] in _DEFAULT_PORTS:
        raise ValueError(f"must be origins, such as https://app.example.com: {given!r}")
    return given


def _color(given: str) -> str:
    if not _COLOR.fullmatch(given.strip()):
        raise ValueError(f"must be like #3147d6: {given!r}")
    return given.strip()


def _logo(given: str) -> Path:
    path = Path(given.strip())
    if path.suffix.lower() not in _PICTURES:
        raise ValueError(f"must be one of {', '.join(sorted(_PICTURES))}: {given!r}")
    if not path.is_file() or path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"must be a file of at most 256 KiB: {given!r}")
    return path.resolve()
