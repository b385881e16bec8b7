"""Login by phone with the hosted page: the person leaves, and returns with a proof."""

import secrets
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from accounts.engine import explain, log_in
from otp_engine_client import InvalidProof, OTPEngineError

COOKIE = "proof"


@require_POST
def start(request):
    """Send the person to the hosted page, with a secret of this session."""
    request.session["state"] = secrets.token_urlsafe(32)
    query = urlencode(
        {
            "return_url": settings.PUBLIC_URL + reverse("hosted-return"),
            "state": request.session["state"],
        }
    )
    return redirect(f"{settings.ENGINE_PUBLIC_URL}/verify?{query}")


@sensitive_post_parameters()
@csrf_exempt
@require_POST
def receive(request):
    """Keep the proof for the next request, which has the session.

    The form comes from another site, so this request has no cookie of the session. The
    token is checked there, with the state. It is never in a URL.
    """
    response = redirect("hosted-done")
    response.set_cookie(
        COOKIE,
        request.POST.get("otp_proof", ""),
        max_age=120,
        path=reverse("hosted-done"),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


@never_cache
@require_GET
def done(request):
    """Log in the person if the proof is of this session."""
    token, state = request.COOKIES.get(COOKIE, ""), request.session.pop("state", None)
    try:
        if state is None:
            raise InvalidProof("This session has requested no proof.")
        log_in(request, token, audience=settings.PUBLIC_URL, nonce=state)
        response = redirect("home")
    except OTPEngineError as error:
        messages.error(request, explain(error))
        response = redirect("phone")
    response.delete_cookie(COOKIE, path=reverse("hosted-done"))
    return response
