"""The pages of authenticator apps when something is in their way.

Redis stops, a request fails, another tab has another QR code, or the browser receives
no response.
"""

from __future__ import annotations

from dataclasses import replace

import jwt
import pytest

from otp_engine.errors import StoreUnavailable
from tests.support.linked_person import IDENTITY, PROOF_KEY, LinkedPerson

APP = "https://app.example.com"
ENROLL = "/verify/enroll"
RETURNING = {"OTP_RETURN_ORIGINS": APP, "OTP_PROOF_KEY": PROOF_KEY}
UNAVAILABLE = "This does not work right now. Try again in a moment."


class FailingFactors:
    """A store of factors of which some methods fail.

    Attributes:
        failing: The names of the methods.
    """

    def __init__(self, store, error):
        self._store, self._error = store, error
        self.failing = set()

    def __getattr__(self, name):
        if name in self.failing:
            raise self._error
        return getattr(self._store, name)


def failing_with(app, error):
    """Make the factors of *app* fail with *error* where the test decides."""
    dependencies = app.extensions["otp_engine"]
    build = dependencies.build_factors
    stored = FailingFactors(
        build(dependencies.current_engines().production).store, error
    )
    broken = replace(
        dependencies, build_factors=lambda engine: replace(build(engine), store=stored)
    )
    broken.init_app(app)
    return stored


@pytest.fixture
def app(apps, store):
    return apps.build()


@pytest.fixture
def person(app):
    return LinkedPerson(app.test_client())


@pytest.fixture
def stopped(app):
    return failing_with(app, StoreUnavailable())


def test_code_is_kept_while_redis_does_not_answer(stopped, person):
    person.follow("enroll")
    code = person.app().code()
    stopped.failing = {"get_entity"}

    response = person.submit("code", otp=code)

    assert (response.status_code, person.step) == (503, "activate")
    assert (person.notice, person.typed("otp")) == (UNAVAILABLE, code)
    stopped.failing = set()
    person.submit("code", otp=code)
    assert person.step == "done"


def test_qr_code_is_shown_again_after_redis_did_not_answer(stopped, person):
    person.follow("enroll")
    uri = person.app().uri
    stopped.failing = {"get_entity"}

    response = person.get(ENROLL)

    assert (response.status_code, person.step) == (503, "activate")
    stopped.failing = set()
    person.get(ENROLL)
    assert person.app().uri == uri


def test_button_of_a_new_qr_code_stays_while_redis_does_not_answer(stopped, person):
    person.follow("enroll")
    for _ in range(5):
        person.submit("code", otp=person.app().wrong_code())
    stopped.failing = {"put_factor"}

    response = person.submit("again")

    assert (response.status_code, person.step) == (503, "again")
    assert person.notice == UNAVAILABLE
    stopped.failing = set()
    person.submit("again")
    assert person.step == "enroll"


def test_qr_code_and_code_stay_after_an_unexpected_error(app, person):
    stored = failing_with(app, RuntimeError("a bug"))
    person.follow("enroll")
    uri = person.app().uri
    stored.failing = {"reserve_check"}

    response = person.submit("code", otp="123456")

    assert (response.status_code, person.step) == (500, "enroll")
    assert (person.notice, person.typed("otp")) == (UNAVAILABLE, "123456")
    assert person.app().uri == uri


def test_code_of_an_authenticator_stays_after_an_unexpected_error(app, person):
    stored = failing_with(app, RuntimeError("a bug"))
    person.enroll()
    person.follow("verify")
    stored.failing = {"reserve_check"}

    response = person.submit("code", otp="123456")

    assert (response.status_code, person.step) == (500, "totp")
    assert (person.notice, person.typed("otp")) == (UNAVAILABLE, "123456")


def test_form_of_an_earlier_qr_code_shows_that_it_was_replaced(person):
    person.follow("enroll")
    earlier_app, earlier = person.app(), person.response
    person.follow("enroll")
    app = person.app()

    person.response = earlier
    response = person.submit(
        "code", otp=earlier_app.code(), factor=person.field("factor")
    )

    assert (response.status_code, person.step) == (400, "again")
    assert person.notice == "This QR code no longer works. Start again with a new one."
    person.submit("show")
    assert person.app().uri == app.uri
    person.submit("code", otp=app.wrong_code(), factor=person.field("factor"))
    assert person.notice.endswith("4 attempts left.")


def test_form_of_this_qr_code_is_checked(person):
    person.follow("enroll")

    person.submit("code", otp=person.app().code(), factor=person.field("factor"))

    assert person.step == "done"


def test_reload_after_the_activation_shows_that_the_app_is_set_up(person):
    person.follow("enroll")
    form = {"csrf_token": person.csrf_token(), "step": "code"}
    form["otp"] = person.app().code()
    person.submit("code", otp=form["otp"])

    person.get(ENROLL)
    assert (person.step, person.notice) == ("done", "")
    person.response = person.http.post(ENROLL, data=form, follow_redirects=True)

    assert (person.step, person.notice) == ("done", "")


def test_new_link_after_the_activation_shows_a_new_qr_code(person):
    person.enroll()

    person.follow("enroll")

    assert person.step == "enroll"


def test_one_more_code_gives_the_proof_of_a_lost_response(app_with):
    person = LinkedPerson(app_with(**RETURNING).test_client())
    person.follow("enroll", return_url=f"{APP}/back", state="s")
    app = person.app()
    # The browser gets no response to the right code.
    cookie = person.http.get_cookie("otp_verify", path="/verify").value
    person.submit("code", otp=app.code(-1))
    person.http.set_cookie("otp_verify", cookie, path="/verify")

    person.get(ENROLL)
    assert person.step == "totp"
    person.submit("code", otp=app.code())

    key = jwt.PyJWK(person.http.get("/.well-known/jwks.json").json["keys"][0])
    claims = jwt.decode(
        person.field("otp_proof"), key, algorithms=["EdDSA"], audience=APP
    )
    assert (claims["sub"], claims["factor"], claims["nonce"]) == (IDENTITY, "totp", "s")
