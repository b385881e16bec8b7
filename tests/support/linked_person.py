"""A person who opens a page link in a browser without scripts."""

from __future__ import annotations

import base64
import html
import re
import time
from urllib.parse import urlsplit

import pyotp

from tests.support.verify_page import Person

IDENTITY = "user-4711"
LINK = "/auth/totp/link"
PROOF_KEY = base64.b64encode(bytes(range(32))).decode()


class AuthenticatorApp:
    """An authenticator app, which reads the URI of a QR code.

    A code is accepted once, and no earlier one after it. The service accepts those of
    the time steps before and after the present one too, so three checks need no wait.
    """

    def __init__(self, uri):
        self.uri = uri
        totp = pyotp.parse_uri(uri)
        assert isinstance(totp, pyotp.TOTP)
        self.totp = totp

    def code(self, step=0):
        """Return the code of the present time step, of one before or of one after."""
        return self.totp.at(int(time.time()) + step * self.totp.interval)

    def wrong_code(self):
        """Return a code of no time step that the service accepts."""
        near = {self.code(step) for step in range(-3, 4)}
        return next(code for code in map("{:06}".format, range(10)) if code not in near)


class LinkedPerson(Person):
    """A person that an application sends to the page."""

    def __init__(self, client, **headers):
        self.http, self.headers = client, headers
        self.response = None

    def link(self, page, **fields):
        """Return the response of a request for a link, of the application."""
        body = {"identity": IDENTITY, "page": page} | fields
        return self.http.post(LINK, json=body, headers=self.headers)

    def follow(self, page, **fields):
        """Open a new link, and follow its redirect."""
        return self.get(self.link(page, **fields).json["url"])

    def get(self, url):
        """Open a URL of the service, and follow redirects."""
        parts = urlsplit(url)
        self.response = self.http.get(
            f"{parts.path}?{parts.query}", follow_redirects=True
        )
        return self.response

    def submit(self, step, **fields):
        """Submit a form of the last page, and follow its redirect."""
        self.response = self.http.post(
            self.action(),
            data={"csrf_token": self.csrf_token(), "step": step} | fields,
            follow_redirects=True,
        )
        return self.response

    def action(self):
        """Return the path of the form of the last page."""
        found = re.findall(r'<form method="post" action="([^"]+)"', self.text)
        return html.unescape(found[0])

    def app(self):
        """Return an app that has read the URI of the last page."""
        return AuthenticatorApp(
            html.unescape(re.findall(r'"(otpauth:[^"]+)"', self.text)[0])
        )

    def recovery_codes(self):
        """Return the recovery codes of the last page."""
        return re.findall(r"<li>([0-9a-z]{5}-[0-9a-z]{5})</li>", self.text)

    def enroll(self):
        """Enroll and activate an app; return it with its recovery codes."""
        self.follow("enroll")
        app, recovery_codes = self.app(), self.recovery_codes()
        self.submit("code", otp=app.code(-1))
        assert self.step == "done"
        return app, recovery_codes
