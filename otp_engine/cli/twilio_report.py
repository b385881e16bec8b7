"""What `otp-engine doctor` reports about the channels of Twilio."""

from __future__ import annotations

from otp_engine import senders
from otp_engine.cli.terminal import success, warn
from otp_engine.config import Settings, TwilioSettings

_REACHABLE = (
    "TWILIO_AUTH_TOKEN, and an https OTP_PUBLIC_URL or OTP_CALLBACK_URL that Twilio can"
    " reach"
)


def print_report(settings: Settings) -> None:
    """Print which channels Twilio has, and what the others need."""
    twilio = settings.twilio
    if "twilio" not in settings.senders or not twilio:
        return
    success(_channels(twilio))
    for problem in senders.find_template_problems(settings):
        warn(problem)
    has_reports = settings.twilio_callback_url is not None
    if not has_reports:
        success(f"twilio sends no delivery reports: they need {_REACHABLE}")
    if not twilio.calls:
        return
    if not twilio.calls.key_press:
        warn("calls speak the code at once, also to voicemail: TWILIO_CALL_KEY_PRESS=0")
    elif not has_reports:
        warn(
            "calls speak the code at once, also to voicemail: the key press before it"
            f" needs {_REACHABLE}"
        )


def _channels(twilio: TwilioSettings) -> str:
    """Return a sentence with the channels, and with what the others need."""
    offered, missing = [], []
    if twilio.service or twilio.from_:
        offered.append("sms")
    else:
        missing.append("sms needs TWILIO_MESSAGING_SERVICE_SID or TWILIO_FROM")
    if twilio.whatsapp:
        locales = ", ".join(twilio.whatsapp.content)
        offered.append(f"whatsapp (templates: {locales})")
    else:
        missing.append("whatsapp needs TWILIO_WHATSAPP_CONTENT")
    if twilio.calls:
        offered.append("call")
    else:
        missing.append("call needs TWILIO_CALL_FROM")
    return "; ".join([f"twilio sends by {', '.join(offered)}", *missing])
