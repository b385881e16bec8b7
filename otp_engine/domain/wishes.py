"""What a caller may ask of one message."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
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
    warned: bool | None = None
    app_hash: str | None = None
    origin: str | None = None
    unfiltered: bool = False

    def over(self, *, brand: str | None, warned: bool) -> Wishes:
        """The same, with what is not wished for as its service does it."""
        return replace(
            self,
            brand=self.brand or brand,
            warned=warned if self.warned is None else self.warned,
        )


ORDINARY = Wishes()
"""An ordinary message."""
