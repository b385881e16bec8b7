"""The event webhook: posts events to a receiver of the operator, in their order.

One worker of all instances posts. It posts each batch until the receiver accepts it,
and goes on where the last worker ended. So a receiver gets each event at least once,
and may get some twice: the id of an event is the same in each repetition.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from multiprocessing.util import Finalize
from time import monotonic
from typing import Any, TypeAlias

from otp_engine.domain.event_webhook import cloud_events, followed
from otp_engine.domain.event_webhook.cloud_events import Account
from otp_engine.domain.event_webhook.feed import Batch, EventFeed
from otp_engine.domain.event_webhook.followed import FollowedVerification
from otp_engine.domain.event_webhook.posts import CloudEvents, EventWebhookMetrics, Post
from otp_engine.errors import StoreUnavailable

log = logging.getLogger(__name__)

_POLL_INTERVAL = 1.0  # seconds
_RENEW_INTERVAL = 10.0  # seconds; a third of the lease
# Seconds between two attempts of one batch. The first repetitions bridge a restart of
# the receiver; the last interval is repeated.
_RETRY_INTERVALS = (2.0, 5.0, 15.0, 60.0, 300.0)
_LONGEST_RETRY_AFTER = timedelta(hours=1)

_Changes: TypeAlias = dict[bytes, tuple[FollowedVerification, datetime] | None]


class EventWebhook:
    """Posts the events of the stream, in a background thread of each worker."""

    def __init__(  # noqa: PLR0913 - three dependencies, and the outside as options
        self,
        feed: EventFeed,
        post: Post,
        account: Account,
        metrics: EventWebhookMetrics,
        *,
        token: str,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Create the webhook; `start` starts it.

        Args:
            feed: Where events are read.
            post: Posts events.
            account: The values of the account in each event.
            metrics: Measures the posts.
            token: Identifies this worker.
            clock: Returns monotonic seconds.
        """
        self._feed = feed
        self._post = post
        self._account = account
        self._metrics = metrics
        self._token = token
        self._clock = clock
        self._leads = False
        self._failures = 0
        self._retry_at = 0.0
        self._reported_loss: str | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name="event webhook", daemon=True
        )

    def start(self) -> None:
        """Start the thread, in the process that is to post."""
        self._thread.start()
        Finalize(None, self.stop, exitpriority=0)

    def stop(self) -> None:
        """Complete the current post, and let another worker have the lead."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._thread.join(_POLL_INTERVAL)
        try:
            self._feed.resign(self._token)
        except StoreUnavailable:
            log.warning("event webhook: the lead ends with its lease")

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                wait = self.step()
            except StoreUnavailable:
                wait = _RENEW_INTERVAL
            except Exception:
                log.exception("event webhook: unexpected error")
                wait = _RENEW_INTERVAL
            self._stopping.wait(wait)

    def step(self) -> float:
        """Post the next batch, if this worker has the lead.

        Returns:
            Seconds until the next step.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        batch = self._feed.read(self._token)
        if batch is None:
            if self._leads:
                self._metrics.set_delay(timedelta())
            self._leads = False
            return _RENEW_INTERVAL
        self._leads = True
        self._report_loss(batch)
        self._metrics.set_delay(_delay(batch))
        if batch.is_empty:
            return _POLL_INTERVAL
        if (left := self._retry_at - self._clock()) > 0:
            return min(left, _RENEW_INTERVAL)
        events, changes = self._follow(batch)
        if events and not self._is_posted(events):
            return min(self._retry_at - self._clock(), _RENEW_INTERVAL)
        position = batch.entries[-1].id if batch.entries else batch.position
        self._feed.move(self._token, position, changes)
        return 0.0

    def _follow(self, batch: Batch) -> tuple[CloudEvents, _Changes]:
        """Return the CloudEvents of a batch, and what its verifications are then."""
        ids = [
            followed.verification_id(entry.recorded) if entry.recorded else None
            for entry in batch.entries
        ]
        due = [bytes.fromhex(text.decode()) for text in batch.due]
        known = dict(self._feed.read_followed(list({*filter(None, ids), *due})))
        events: list[dict[str, Any]] = []
        changes: _Changes = {}
        for verification, entry in zip(ids, batch.entries, strict=True):
            if entry.recorded is None:
                continue
            after = None
            if verification:
                after = followed.follow(known.get(verification), entry.recorded)
            if verification and after:
                known[verification] = after
                next_look = after.next_look(entry.recorded.occurred_at)
                changes[verification] = after, next_look
            events += cloud_events.from_event(
                entry.id, entry.recorded, after, self._account
            )
        for verification in due:
            if verification not in changes:
                events += self._end(verification, known.get(verification), changes)
        return events, changes

    def _end(
        self,
        verification: bytes,
        before: FollowedVerification | None,
        changes: _Changes,
    ) -> list[dict[str, Any]]:
        """Let a verification expire, or delete it."""
        expired = followed.expire(before) if before else None
        if expired is None or expired.expires_at is None:
            changes[verification] = None
            return []
        changes[verification] = expired, expired.next_look(expired.expires_at)
        return [cloud_events.of_expiry(expired, self._account)]

    def _is_posted(self, events: CloudEvents) -> bool:
        result = self._post(events)
        self._metrics.count_post(result.outcome)
        if result.is_accepted:
            if self._failures:
                log.warning("event webhook: the receiver accepts events again")
            self._failures, self._retry_at = 0, 0.0
            return True
        interval = _RETRY_INTERVALS[min(self._failures, len(_RETRY_INTERVALS) - 1)]
        if result.retry_after:
            requested = min(result.retry_after, _LONGEST_RETRY_AFTER)
            interval = max(interval, requested.total_seconds())
        self._failures += 1
        self._retry_at = self._clock() + interval
        log.warning(
            "event webhook: %d events wait, the next attempt is in %.0f s: %s",
            *(len(events), interval, result.outcome),
        )
        return False

    def _report_loss(self, batch: Batch) -> None:
        """Log once that the stream no longer has events that were not posted."""
        if _is_before(batch.position, batch.oldest) and (
            self._reported_loss != batch.position
        ):
            self._reported_loss = batch.position
            log.error(
                "event webhook: events may be lost: the stream was full before the"
                " receiver accepted them"
            )


def _delay(batch: Batch) -> timedelta:
    """Return the age of the oldest event that waits."""
    if not batch.entries:
        return timedelta()
    milliseconds = int(batch.entries[0].id.partition("-")[0])
    return timedelta(
        milliseconds=max(0, batch.read_at.timestamp() * 1000 - milliseconds)
    )


def _is_before(position: str, oldest: str) -> bool:
    """Return whether the stream starts after an entry that was the last one posted."""
    if not oldest or position == "0-0":
        return False
    return _parse(position) < _parse(oldest)


def _parse(entry_id: str) -> list[int]:
    return [int(part) for part in entry_id.split("-")]
