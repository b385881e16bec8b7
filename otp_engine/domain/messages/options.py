"""Options of one message."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageOptions:
    """How one message differs from the default of its service.

    Attributes:
        brand: Name in the message; None means that of the service.
        do_not_share_warning: Whether the message contains a warning not to share the
            code; None means as the service has it.
        app_hash: End of the message for Android's SMS Retriever: 11 characters that
            identify the app.
        origin: Host in the last line of the message, for browsers with a page of this
            host (WebOTP). A message with an app hash has no such line.
        embedded_origin: Host of the page that requested the code, if a page of `origin`
            shows it in a frame.
        skip_risk_check: Whether the provider's protection against fraud is off for this
            message.
    """

    brand: str | None = None
    do_not_share_warning: bool | None = None
    app_hash: str | None = None
    origin: str | None = None
    embedded_origin: str | None = None
    skip_risk_check: bool = False

    def origin_line(self, code: str) -> str:
        """Return the last line of a message for browsers; empty without an origin."""
        if not self.origin:
            return ""
        embedded = f" @{self.embedded_origin}" if self.embedded_origin else ""
        return f"\n@{self.origin} #{code}{embedded}"

    def with_defaults(
        self, *, brand: str | None, do_not_share_warning: bool
    ) -> MessageOptions:
        """Return a copy with the service's defaults in place of unset options.

        Args:
            brand: The service's brand, if it has one.
            do_not_share_warning: Whether messages of the service have the warning.
        """
        warning = self.do_not_share_warning
        return replace(
            self,
            brand=self.brand or brand,
            do_not_share_warning=do_not_share_warning if warning is None else warning,
        )


DEFAULT_OPTIONS = MessageOptions()
"""The options of a message without options of its own."""
