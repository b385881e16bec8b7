"""Message delivery: one module per provider, built from the settings.

To add a provider, write a class with the methods of `provider.Provider` and name it in
`build_senders`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from otp_engine.config import Settings
from otp_engine.config.webhook_settings import WebhookSettings
from otp_engine.domain.messages.templates import Message
from otp_engine.domain.ports import Sender
from otp_engine.domain.routing.health_recorder import (
    NULL_HEALTH_RECORDER,
    HealthRecorder,
)
from otp_engine.resilience.circuit_breaker import CircuitBreaker
from otp_engine.resilience.dependency_metrics import NULL_METRICS, DependencyMetrics
from otp_engine.senders import telegram_reports
from otp_engine.senders.aws import REPORTS_PATH as AWS_REPORTS_PATH
from otp_engine.senders.aws import AwsProvider
from otp_engine.senders.console import ConsoleProvider
from otp_engine.senders.guarded import GuardedSender
from otp_engine.senders.plugin import PluginProvider
from otp_engine.senders.provider import Provider
from otp_engine.senders.reports import ReportReceiver
from otp_engine.senders.telegram import TelegramProvider
from otp_engine.senders.telegram_reports import TelegramReportReceiver
from otp_engine.senders.webhook import WebhookProvider
from otp_engine.senders.webhook_reports import WebhookReportReceiver

_FAILURE_THRESHOLD = 5
_RESET_TIMEOUT = timedelta(seconds=10)


def build_senders(  # noqa: PLR0913 - options with defaults
    settings: Settings,
    *,
    max_concurrent: int,
    metrics: DependencyMetrics = NULL_METRICS,
    health: HealthRecorder = NULL_HEALTH_RECORDER,
    console: Callable[[], Provider] = ConsoleProvider,
    on_accepted: Callable[[Message], object] | None = None,
) -> dict[str, Sender]:
    """Return a sender for each provider in *settings*, in order of preference.

    Args:
        settings: Names of the providers, and their credentials.
        max_concurrent: Number of messages that may wait for each provider at once.
        metrics: Records the duration and the outcome of each message.
        health: Counts what happens to the messages of each provider.
        console: Returns the provider `console`.
        on_accepted: Called with each accepted message, if the settings have the inbox
            of dev mode.
    """
    providers: dict[str, Callable[[], Provider]] = {
        "console": console,
        "twilio": lambda: _build_twilio(settings),
        "smtp": lambda: _build_smtp(settings),
        "aws": lambda: _build_aws(settings),
        "telegram": lambda: _build_telegram(settings),
        **{
            webhook.name: partial(_build_webhook, settings, webhook)
            for webhook in settings.webhooks
        },
        **{plugin.name: partial(PluginProvider, plugin) for plugin in settings.plugins},
        "apprise": lambda: _build_apprise(settings),
    }
    return {
        name: GuardedSender(
            providers[name](),
            CircuitBreaker(_FAILURE_THRESHOLD, _RESET_TIMEOUT),
            max_concurrent=max_concurrent,
            metrics=metrics,
            health=health,
            on_accepted=on_accepted if settings.inbox else None,
        )
        for name in settings.senders
    }


def _build_twilio(settings: Settings) -> Provider:
    # Importing the SDK takes 0.2 s and 27 MB, so only installations with Twilio do it.
    from otp_engine.senders import twilio  # noqa: PLC0415 - see above

    if settings.twilio is None:
        raise AssertionError(settings.senders)
    # Without feedback, the store keeps no message for it.
    with_feedback = settings.twilio.feedback
    build = twilio.ConfirmingTwilioProvider if with_feedback else twilio.TwilioProvider
    return build(
        settings.twilio,
        callback_url=settings.twilio_callback_url,
        pepper=settings.peppers[0],
    )


def _build_smtp(settings: Settings) -> Provider:
    # As in _build_twilio: `email` and `smtplib` are for installations with e-mail.
    from otp_engine.senders.smtp import SmtpProvider  # noqa: PLC0415 - see above

    if settings.smtp is None:
        raise AssertionError(settings.senders)
    return SmtpProvider(settings.smtp)


def _build_aws(settings: Settings) -> Provider:
    if settings.aws is None:
        raise AssertionError(settings.senders)
    has_reports = bool(settings.aws.topic and settings.report_url(AWS_REPORTS_PATH))
    return AwsProvider(settings.aws, reports_delivery=has_reports)


def _build_telegram(settings: Settings) -> Provider:
    if settings.telegram is None:
        raise AssertionError(settings.senders)
    url = settings.report_url(telegram_reports.PATH)
    return TelegramProvider(settings.telegram, callback_url=url)


def _build_apprise(settings: Settings) -> Provider:
    # An optional library: importing it takes 0.3 s and 19 MB.
    from otp_engine.senders.apprise import AppriseProvider  # noqa: PLC0415 - see above

    if settings.apprise is None:
        raise AssertionError(settings.senders)
    return AppriseProvider(settings.apprise)


def _build_webhook(settings: Settings, webhook: WebhookSettings) -> Provider:
    report_url = settings.webhook_report_url(webhook.name)
    return WebhookProvider(webhook, report_url=report_url if webhook.secrets else None)


def find_template_problems(settings: Settings) -> list[str]:
    """Return a sentence for each WhatsApp template that delivers no codes.

    Args:
        settings: The account at Twilio, which gets a request for each template.
    """
    if settings.twilio is None:
        return []
    # As in _build_twilio.
    from otp_engine.senders import twilio_templates  # noqa: PLC0415 - see above

    return twilio_templates.find_problems(settings.twilio)


def build_report_receivers(settings: Settings) -> list[ReportReceiver]:
    """Return the receivers of delivery reports.

    Returns:
        One for each provider that can reach this service and sign its reports.
    """
    receivers: list[ReportReceiver] = []
    twilio = settings.twilio
    if twilio and twilio.token and settings.twilio_callback_url:
        # As in _build_twilio.
        from otp_engine.senders import twilio_receivers  # noqa: PLC0415 - see above

        receivers += twilio_receivers.build(twilio, twilio.token, settings.peppers)
    if settings.aws and settings.aws.topic and settings.report_url(AWS_REPORTS_PATH):
        # Certificates are for installations with a topic.
        from otp_engine.senders import aws_reports  # noqa: PLC0415 - see above

        receivers.append(aws_reports.build(settings.aws.topic))
    if settings.telegram and settings.report_url(telegram_reports.PATH):
        receivers.append(TelegramReportReceiver(settings.telegram.token))
    receivers += [
        WebhookReportReceiver(webhook)
        for webhook in settings.webhooks
        if webhook.secrets and webhook.name in settings.senders
    ]
    return receivers
