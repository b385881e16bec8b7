"""Plans of fallbacks, encrypted for the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.fallback_plans import FallbackPlan
from otp_engine.domain.messages.options import DEFAULT_OPTIONS, MessageOptions
from otp_engine.domain.models import Api, SendRequest
from otp_engine.domain.phones import numbers
from otp_engine.domain.routing.steps import Step
from otp_engine.domain.services import DEFAULT, Service
from otp_engine.errors import InvalidPhone
from otp_engine.store.json_codec import converter

_compact_converter = converter.copy(omit_if_default=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _StoredPlan:
    """The fields of a `FallbackPlan`, in a form that later releases read."""

    number: str
    verification_id: bytes
    steps: tuple[str, ...]
    service: Service = DEFAULT
    locale: str | None = None
    options: MessageOptions = DEFAULT_OPTIONS
    client_name: str | None = None
    bound_id: bytes | None = None
    geo_exempt: bool = False
    vouched: bool = False
    api: Api = Api.AUTH


def encrypt(plan: FallbackPlan, pepper: Pepper, *, delivery_id: str) -> bytes:
    """Encrypt a plan, because it contains the number.

    Args:
        plan: The plan.
        pepper: The current pepper.
        delivery_id: Id of the delivery, which is needed to decrypt it.
    """
    request = plan.request
    stored = _StoredPlan(
        number=request.address.canonical,
        verification_id=plan.verification_id,
        steps=tuple(map(str, plan.steps)),
        service=request.service,
        locale=request.locale,
        options=request.options,
        client_name=request.client_name,
        bound_id=request.bound_id,
        geo_exempt=request.geo_exempt,
        vouched=request.vouched,
        api=request.api,
    )
    text = _compact_converter.dumps(stored)
    return pepper.encrypt(text.encode(), context=_context(delivery_id))


def decrypt(
    ciphertext: bytes, peppers: Sequence[Pepper], *, delivery_id: str
) -> FallbackPlan:
    """Decrypt a plan.

    Args:
        ciphertext: The result of `encrypt`.
        peppers: The current pepper, then the previous one during a rotation.
        delivery_id: Id of the delivery.

    Raises:
        ValueError: No pepper decrypts it, or this release cannot read it.
    """
    text = _decrypt(ciphertext, peppers, _context(delivery_id))
    try:
        stored = converter.loads(text, _StoredPlan)
        number = numbers.parse(stored.number, numbers.UNKNOWN_REGION)
    except (InvalidPhone, KeyError, TypeError):
        raise ValueError("cannot be read") from None
    request = SendRequest(
        address=number,
        locale=stored.locale,
        service=stored.service,
        options=stored.options,
        client_name=stored.client_name,
        bound_id=stored.bound_id,
        geo_exempt=stored.geo_exempt,
        vouched=stored.vouched,
        api=stored.api,
    )
    return FallbackPlan(
        request=request,
        verification_id=stored.verification_id,
        steps=tuple(map(Step.parse, stored.steps)),
    )


def _decrypt(ciphertext: bytes, peppers: Sequence[Pepper], context: bytes) -> bytes:
    *earlier, last = peppers
    for pepper in earlier:
        try:
            return pepper.decrypt(ciphertext, context=context)
        except ValueError:
            continue
    return last.decrypt(ciphertext, context=context)


def _context(delivery_id: str) -> bytes:
    return b"fallback" + bytes.fromhex(delivery_id)
