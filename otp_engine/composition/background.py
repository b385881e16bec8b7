"""What a worker does in the background of requests: fallbacks, and feedback."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from flask import Flask

from otp_engine.config import Settings
from otp_engine.domain.deliveries import TrackedDelivery
from otp_engine.domain.engine import Engine
from otp_engine.domain.events import Event, EventListener, VerificationApproved
from otp_engine.domain.fallback_plans import FallbackPlan
from otp_engine.domain.fallbacks import DeliveryTracker, Fallbacks
from otp_engine.domain.message_feedback import MessageFeedback
from otp_engine.domain.models import Api, Channel
from otp_engine.domain.ports import Sender
from otp_engine.domain.verification_records import VerificationRecord
from otp_engine.errors import StoreUnavailable
from otp_engine.resilience.background_queue import BackgroundQueue
from otp_engine.resilience.due_tasks import DueTasks
from otp_engine.senders.guarded import GuardedSender
from otp_engine.store import fallback_plans
from otp_engine.store.redis_store import RedisStore

_EXTENSION = "otp_engine.background"
# A worker that has crashed holds a fallback so long. The mark of a slower worker than
# this fails.
_LEASE = timedelta(seconds=15)


def build_fallbacks(
    settings: Settings, store: RedisStore, current_engine: Callable[[], Engine]
) -> DueTasks:
    """Return the threads that run fallbacks, not yet started.

    Args:
        settings: The settings, with the peppers that decrypt plans.
        store: Stores the plans.
        current_engine: Returns the engine under the policy in force.
    """

    def fall_back(plan: FallbackPlan, mark: Callable[[], bool]) -> None:
        engine = current_engine()
        result = engine.fall_back(plan, mark)
        if plan.request.api is Api.V2:
            # Clients of `/v2` find a verification by its SID while a code is live.
            record = VerificationRecord.from_send(
                plan.request, result, pepper=settings.peppers[0], at=datetime.now(UTC)
            )
            with suppress(StoreUnavailable):
                store.records.add_send(
                    record, send_id=result.send_id, ttl=engine.policy.ttl
                )

    fallbacks = Fallbacks(
        store=store.deliveries,
        decrypt=lambda ciphertext, delivery_id: fallback_plans.decrypt(
            ciphertext, settings.peppers, delivery_id=delivery_id
        ),
        fall_back=fall_back,
    )
    claim = partial(store.deliveries.claim_fallbacks, lease=_LEASE)
    return DueTasks(claim, fallbacks.run, name="fallbacks")


def build_track(
    settings: Settings, store: RedisStore, senders: Mapping[str, Sender], due: DueTasks
) -> Callable[[TrackedDelivery], None]:
    """Return the function that stores a delivery in the thread that writes events.

    Args:
        settings: The settings, with the pepper that encrypts plans.
        store: Stores the deliveries.
        senders: The senders, some of which pass feedback to their providers.
        due: Hears of each fallback.
    """
    tracker = DeliveryTracker(
        store=store.deliveries,
        encrypt=lambda plan, delivery_id: fallback_plans.encrypt(
            plan, settings.peppers[0], delivery_id=delivery_id
        ),
        on_due=lambda after: due.due_in(after.total_seconds()),
        confirming=_confirm_functions(senders).keys(),
        reporting={each.name for each in settings.webhooks if each.secrets},
    )

    def track(delivery: TrackedDelivery) -> None:
        if tracker.is_tracked(delivery):
            store.events.add_job("deliveries", partial(tracker.track, delivery))

    return track


def with_feedback(
    emit: EventListener, settings: Settings, store: RedisStore, engine: Engine
) -> EventListener:
    """Return *emit*, which also reports entered codes to providers with feedback."""
    confirm = _confirm_functions(engine.senders)
    if not confirm:
        return emit
    feedback = MessageFeedback(
        store=store.deliveries, peppers=settings.peppers, confirm=confirm
    )
    # Not in the thread that writes events, because a provider can be slow.
    queue = BackgroundQueue(feedback.send, name="feedback")

    def emit_and_confirm(event: Event) -> None:
        emit(event)
        if isinstance(event, VerificationApproved):
            queue.add(event)

    return emit_and_confirm


def _confirm_functions(
    senders: Mapping[str, Sender],
) -> Mapping[str, Callable[[str], None]]:
    """Return the functions that pass feedback, by the name of their provider."""
    return {
        name: sender.confirm
        for name, sender in senders.items()
        if isinstance(sender, GuardedSender) and sender.confirms
    }


@dataclass(frozen=True, slots=True)
class _Background:
    """The fallbacks of an app, and whether any message can have one."""

    due: DueTasks
    is_needed: bool


def add_to(app: Flask, due: DueTasks, senders: Iterable[Sender]) -> None:
    """Make *due* the fallbacks that `start` starts for *app*.

    Args:
        app: The app.
        due: Its fallbacks.
        senders: Its senders, which decide whether any message can have a fallback.
    """
    senders = tuple(senders)
    # An e-mail address has one step.
    steps = [
        channel
        for sender in senders
        for channel in sender.channels
        if channel is not Channel.EMAIL
    ]
    has_reports = any(sender.reports_delivery for sender in senders)
    app.extensions[_EXTENSION] = _Background(due, has_reports and len(steps) > 1)


def start(app: Flask) -> DueTasks:
    """Start the fallbacks of *app*, in the process that serves it.

    Without reports or a second step no message has a fallback, and a thread would only
    look for those that do not exist.
    """
    background: _Background = app.extensions[_EXTENSION]
    if background.is_needed:
        background.due.start()
    return background.due
