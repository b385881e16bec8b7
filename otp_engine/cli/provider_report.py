"""What `otp-engine doctor` reports about the channels of the other providers."""

from __future__ import annotations

from collections.abc import Mapping

from otp_engine.cli.terminal import success
from otp_engine.config import Settings
from otp_engine.domain.ports import Sender

_URL = "an https OTP_PUBLIC_URL or OTP_CALLBACK_URL"
_NEEDS = {
    "aws": f"OTP_AWS_TOPIC, OTP_AWS_CONFIGURATION_SET and {_URL}",
    "telegram": f"{_URL} that Telegram can reach",
}


def print_report(settings: Settings, providers: Mapping[str, Sender]) -> None:
    """Print the channels of each provider, and whether its reports reach the service.

    Those of Twilio are in `twilio_report`.

    Args:
        settings: The settings.
        providers: The providers, by name.
    """
    needs = _NEEDS | {
        webhook.name: f"the option reports in OTP_WEBHOOKS and {_URL}"
        for webhook in settings.webhooks
    }
    for name, provider in providers.items():
        if name in {"twilio", "console"}:
            continue
        sentence = f"{name} sends by {', '.join(provider.channels)}"
        if provider.reports_delivery:
            success(f"{sentence}, with delivery reports")
        elif name in needs:
            success(f"{sentence}, without delivery reports: they need {needs[name]}")
        else:
            success(f"{sentence}, without delivery reports")
