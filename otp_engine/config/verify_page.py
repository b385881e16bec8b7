"""Settings of the verify page: whether it exists, its look and its proof keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from otp_engine.config import setting_parsers, urls
from otp_engine.config.env_reader import EnvReader

VARIABLES = (
    "OTP_VERIFY_PAGE",
    "OTP_RETURN_ORIGINS",
    "OTP_COLOR",
    "OTP_LOGO",
    "OTP_TERMS_URL",
    "OTP_PRIVACY_URL",
    "OTP_HELP_URL",
    "OTP_PROOF_KEY",
    "OTP_PROOF_KEY_PREVIOUS",
)
"""Every variable that `load` reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLinks:
    """Links of the verify page to pages of the operator.

    Attributes:
        terms: URL of the terms of use.
        privacy: URL of the privacy policy.
        help: URL of a page or an address for people without a code.
    """

    terms: str | None = None
    privacy: str | None = None
    help: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyPageSettings:
    """Settings of the verify page and of proof tokens.

    Attributes:
        enabled: Whether `/verify` exists.
        return_origins: Origins that the page may return to.
        color: Color of buttons and links, as `#rrggbb`; None means the default.
        logo: Image file to show; None shows the brand name only.
        links: Links to other pages of the operator.
        proof_keys: Keys that sign proof tokens, 32 bytes each: the current one, then
            the previous one during a rotation. Without keys, nothing is signed.
    """

    enabled: bool
    return_origins: tuple[str, ...] = ()
    color: str | None = None
    logo: Path | None = None
    links: PageLinks = PageLinks()
    proof_keys: tuple[bytes, ...] = field(default=(), repr=False)


def load(env: EnvReader, *, dev: bool, senders: Sequence[str]) -> VerifyPageSettings:
    """Load the settings of the verify page.

    Args:
        env: The environment variables; collects the problems.
        dev: Whether the service is in dev mode.
        senders: Names of the senders. In dev mode the page is on by default unless
            one of them sends real messages.
    """
    origins = get_origins(env, "OTP_RETURN_ORIGINS", dev=dev)
    if origins and not dev:
        env.require("OTP_PUBLIC_URL", why="it is the issuer in proof tokens")
    return VerifyPageSettings(
        enabled=env.get(
            "OTP_VERIFY_PAGE",
            setting_parsers.boolean,
            # The page sends no e-mail.
            dev and set(senders) <= {"console", "smtp"},
        ),
        return_origins=origins,
        color=env.get("OTP_COLOR", setting_parsers.color, None),
        logo=env.get("OTP_LOGO", setting_parsers.logo, None),
        links=PageLinks(
            terms=env.get("OTP_TERMS_URL", urls.link, None),
            privacy=env.get("OTP_PRIVACY_URL", urls.link, None),
            help=env.get("OTP_HELP_URL", urls.link, None),
        ),
        proof_keys=_proof_keys(env, required=bool(origins)),
    )


def _proof_keys(env: EnvReader, *, required: bool) -> tuple[bytes, ...]:
    current = env.get("OTP_PROOF_KEY", setting_parsers.proof_key, None)
    previous = env.get("OTP_PROOF_KEY_PREVIOUS", setting_parsers.proof_key, None)
    if previous and not current:
        env.require(
            "OTP_PROOF_KEY", why="OTP_PROOF_KEY_PREVIOUS no longer signs proof tokens"
        )
    elif required:
        env.require(
            "OTP_PROOF_KEY",
            why="without it, the applications in OTP_RETURN_ORIGINS cannot verify the"
            " result",
        )
    if current and current == previous:
        env.problems.append(
            "OTP_PROOF_KEY_PREVIOUS is the same as OTP_PROOF_KEY: set it to the key"
            " before the rotation, or remove it"
        )
    return tuple(key for key in (current, previous) if key)


def get_origins(env: EnvReader, name: str, *, dev: bool) -> tuple[str, ...]:
    """Return the origins of the variable *name*; only dev mode accepts http."""
    origins = env.get(name, urls.origins, ())
    if not dev and any(origin.startswith("http:") for origin in origins):
        env.problems.append(f"{name} must be https outside of dev mode")
    return origins
