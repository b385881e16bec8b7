"""Release what was reserved for a request that then failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from otp_engine.errors import DeliveryUnconfirmed, OTPError, StoreUnavailable

_Kinds = type[OTPError] | tuple[type[OTPError], ...]


@contextmanager
def given_back_by(
    give_back: Callable[[OTPError], None], *, after: _Kinds = OTPError
) -> Iterator[None]:
    """Undo what was charged, unless the message may have left.

    A store that did not answer may have charged or not; giving back what was never
    charged does nothing. While it stays silent nothing can be given back, nor after
    an error that nobody raised on purpose: what is left behind is counted, which
    costs a person a wait. The other way round, it would cost the operator a limit.

    Args:
        give_back: Undoes it, and gets the error.
        after: The errors that undo it.
    """
    try:
        yield
    except DeliveryUnconfirmed:
        raise
    except after as error:
        with suppress(StoreUnavailable):
            give_back(error)
        raise
