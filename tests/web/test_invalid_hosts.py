from __future__ import annotations

from typing import NoReturn

import pytest
from flask import Flask
from werkzeug.test import EnvironBuilder, run_wsgi_app

from otp_engine.api import error_handlers

# Werkzeug rejects the first three, and cannot decode the last one (IDNA).
REJECTED = ["a" * 64, "a..b", ".."]
UNDECODABLE = "xn--a"


@pytest.mark.parametrize("host", REJECTED)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_verify_page_with_a_rejected_host_is_400(client, host, method):
    response = client.open("/verify", method=method, headers={"Host": host})

    assert response.status_code == 400
    assert response.json["error"] == "invalid_request"


@pytest.mark.parametrize("host", REJECTED)
@pytest.mark.parametrize("path", ["/", "/docs", "/dev/inbox", "/nope", "/auth/x"])
def test_other_paths_with_a_rejected_host_are_400(client, host, path):
    response = client.get(path, headers={"Host": host, "Accept": "text/html"})

    assert response.status_code == 400
    assert response.json["error"] == "invalid_request"


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/openapi.json", "/verify", "/dev/inbox", "/v2/Services"]
)
def test_path_with_an_undecodable_host_is_served(client, path):
    environ = EnvironBuilder(path).get_environ() | {"HTTP_HOST": UNDECODABLE}

    _, status, _ = run_wsgi_app(client.application, environ)

    assert status == "200 OK"


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "null", "", "://"])
def test_malformed_origin_cannot_clear_the_inbox(client, origin):
    response = client.delete("/dev/inbox.json", headers={"Origin": origin})

    assert response.status_code == 403
    assert response.json["error"] == "origin_not_allowed"


def test_failed_error_page_is_json_and_logs_no_text(caplog):
    app = Flask(__name__)

    def fail(_error: Exception) -> NoReturn:
        raise RuntimeError("+919445012345")

    error_handlers.register(app, {"/page": fail})

    response = app.test_client().get("/page")

    assert response.status_code == 404
    assert "not_found" in response.text
    assert caplog.messages == ["the response to an error failed"]
