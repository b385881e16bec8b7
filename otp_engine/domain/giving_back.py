"""What was charged for something that then did not happen is given back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from otp_engine.errors import DeliveryUnconfirmed, OTPError, StoreUnavailable

_Kinds = type[OTPError] | tuple[type[OTPError], ...]


@contextmanager
def given_back_by(
    give_back: Callable[[], None], *, after: _Kinds = OTPError
) -> Iterator[None]:
    """Undo what was charged, unless the message may have left.

    A store that did not answer may have charged or not; giving back what was never
    charged does nothing. While it stays silent nothing can be given back, nor after
    an error that nobody raised on purpose: what is left behind is counted, which
    costs a person a wait. The other way round, it would cost the operator a limit.
    """
    try:
        yield
    except DeliveryUnconfirmed:
        raise
    except after:
        with suppress(StoreUnavailable):
            give_back()
        raise
