"""The receivers of what Twilio posts about the messages and calls of one account."""

from __future__ import annotations

from collections.abc import Sequence

from otp_engine.config import TwilioSettings
from otp_engine.crypto.pepper import Pepper
from otp_engine.senders.reports import ReportReceiver
from otp_engine.senders.twilio_calls import CallReportReceiver
from otp_engine.senders.twilio_key_press import KeyPressReceiver
from otp_engine.senders.twilio_reports import TwilioReportReceiver


def build(
    settings: TwilioSettings, token: str, peppers: Sequence[Pepper]
) -> list[ReportReceiver]:
    """Return the receivers of the channels in *settings*.

    Args:
        settings: The channels of the account.
        token: Auth token of the account, which signs the requests.
        peppers: The current pepper, then the previous one during a rotation.
    """
    receivers: list[ReportReceiver] = [TwilioReportReceiver(token)]
    if calls := settings.calls:
        receivers.append(CallReportReceiver(token))
        receivers.append(KeyPressReceiver(token, peppers, calls.voices))
    return receivers
