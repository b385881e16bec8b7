"""What a caller may ask of one message."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageOptions:
    """How one message differs from an ordinary one of its service.

    Attributes:
        brand: The name in it; none is the service's.
        warned: Whether it asks not to share the code; none is as the service does.
        app_hash: Ends it, for Android's SMS Retriever: 11 characters that name the app
            which may read it.
        origin: Ends it, for a browser that is on a page of this host (WebOTP).
        unfiltered: Whether the carrier's guard against fraud is to leave it alone.
    """

    brand: str | None = None
    do_not_share_warning: bool | None = None
    app_hash: str | None = None
    origin: str | None = None
    skip_risk_check: bool = False

    def with_defaults(self, *, brand: str | None, warned: bool) -> MessageOptions:
        """The same, with what is not wished for as its service does it."""
        return replace(
            self,
            brand=self.brand or brand,
            do_not_share_warning=warned
            if self.do_not_share_warning is None
            else self.do_not_share_warning,
        )


DEFAULT_OPTIONS = MessageOptions()
"""An ordinary message."""
