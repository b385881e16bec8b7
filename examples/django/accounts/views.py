"""Login by phone with forms of this application.

The handle of the verification is in the session, on the server: only this browser can
check the code. A number with an account and one without get the same answers.
"""

import time
from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts.engine import client_ip, explain, log_in, otp
from accounts.forms import CodeForm, PhoneForm
from otp_engine_client import DeliveryUnconfirmed, OTPEngineError, VerificationNotFound


@login_required
def home(request):
    """Show a page for people who are logged in."""
    return render(request, "home.html")


@require_POST
def leave(request):
    """Log out."""
    logout(request)
    return redirect("phone")


@sensitive_post_parameters("phone")
@never_cache
@require_http_methods(["GET", "POST"])
def phone(request):
    """Request a number, and send a code to it."""
    form = PhoneForm(request.POST or None)
    if form.is_valid():
        typed = form.cleaned_data["phone"]
        try:
            _send(request, ending=typed[-2:], phone=typed, bind=True)
            return redirect("code")
        except OTPEngineError as error:
            form.add_error("phone", explain(error))
    return render(request, "phone.html", {"form": form})


@sensitive_post_parameters("code")
@never_cache
@require_http_methods(["GET", "POST"])
def code(request):
    """Request the code, and check it."""
    pending = request.session.get("pending")
    if pending is None:
        return redirect("phone")
    form = CodeForm(request.POST or None)
    if form.is_valid():
        try:
            check = otp.verify_otp(
                form.cleaned_data["code"],
                verification=pending["handle"],
                client_ip=client_ip(request),
            )
            if check:
                log_in(request, check.proof, audience=settings.ENGINE_KEY_NAME)
                # The login of another person has flushed the session.
                request.session.pop("pending", None)
                return redirect("home")
            left = check.attempts_left
            form.add_error("code", f"The code is wrong. Attempts left: {left}.")
        except VerificationNotFound as error:
            return _start_again(request, error)
        except OTPEngineError as error:
            form.add_error("code", explain(error))
    wait = max(0, round(pending["resend_at"] - time.time()))
    context = {"form": form, "ending": pending["ending"], "wait": wait}
    return render(request, "code.html", context)


@require_POST
def resend(request):
    """Send a new code to the same number."""
    pending = request.session.get("pending")
    if pending is None:
        return redirect("phone")
    try:
        _send(request, ending=pending["ending"], verification=pending["handle"])
    except VerificationNotFound as error:
        return _start_again(request, error)
    except OTPEngineError as error:
        messages.error(request, explain(error))
    return redirect("code")


def _send(request, *, ending: str, **recipient) -> None:
    try:
        sent = otp.send_otp(client_ip=client_ip(request), **recipient)
    except DeliveryUnconfirmed as error:
        # The code can still arrive, and works then.
        sent = error.send
    wait = sent.resend_after or timedelta()
    request.session["pending"] = {
        "handle": sent.handle,
        "ending": ending,
        "resend_at": time.time() + wait.total_seconds(),
    }


def _start_again(request, error: VerificationNotFound):
    """Request the number again: the code has expired or was used."""
    del request.session["pending"]
    messages.error(request, explain(error))
    return redirect("phone")
