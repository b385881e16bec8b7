"""The verify page as a person uses it in a browser without scripts."""

from __future__ import annotations

import html
import re


class Person:
    """A person who opens the page and submits its forms.

    Attributes:
        http: The client of the application.
        response: The last response.
    """

    def __init__(self, client, *, path="/verify", **headers):
        self.http, self.path, self.headers = client, path, headers
        self.response = self.open()

    def open(self, **query):
        """Open the page with a query string, and return the response."""
        self.response = self.http.get(
            self.path, query_string=query, headers=self.headers
        )
        return self.response

    def submit(self, step, **fields):
        """Submit the form of *step*, and follow its redirect to the page."""
        self.response = self.http.post(
            self.path,
            data={"csrf_token": self.csrf_token(), "step": step} | fields,
            headers=self.headers,
        )
        if self.response.status_code == 303:
            return self.open()
        return self.response

    def csrf_token(self):
        """Return the token of the forms of the last page."""
        return re.findall(r'name="csrf_token" value="([^"]+)"', self.response.text)[0]

    def field(self, name):
        """Return the value of a hidden field of the last page, or None."""
        values = re.findall(rf'name="{name}" value="([^"]*)"', self.response.text)
        return html.unescape(values[0]) if values else None

    @property
    def text(self):
        """The HTML of the last page."""
        return self.response.text

    @property
    def step(self):
        """The name of the step that the last page shows."""
        return re.findall(r'data-step="(\w+)"', self.response.text)[0]

    @property
    def notice(self):
        """The text of the notice of the last page."""
        [content] = re.findall(r'role="alert"[^>]*>(.*?)</div>', self.response.text)
        return html.unescape(re.sub(r"<[^>]*>", "", content))

    @property
    def kind(self):
        """Whether the notice of the last page is an error, a success or an info."""
        return re.findall(r'class="notice (\w+)"', self.response.text)[0]

    def typed(self, name):
        """Return the value of an input of the last page; None without that input."""
        values = re.findall(
            rf'<input id="{name}" [^>]*value="([^"]*)"', self.response.text
        )
        return html.unescape(values[0]) if values else None

    @property
    def wait(self):
        """The seconds that the button of a new code counts down from."""
        return int(re.findall(r'data-resend-after="(\d+)"', self.response.text)[0])

    def code(self):
        """Return the newest code of the inbox."""
        [newest, *_] = self.http.get("/dev/inbox.json").json["messages"]
        return newest["code"]
