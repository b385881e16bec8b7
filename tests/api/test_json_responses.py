from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flask import Flask, jsonify
from flask.json.provider import DefaultJSONProvider

from otp_engine.api.json_responses import JSONResponse

BODY = {"z": "\u00fc\U0001f600", "a": [1, None, True], "<": {"at": 1.5}}


@pytest.fixture
def client():
    app = Flask(__name__)
    provider = DefaultJSONProvider(app)
    provider.sort_keys = False
    app.json = provider
    headers = {"OTP-Expires-In": "600"}
    app.add_url_rule("/own", "own", lambda: JSONResponse(BODY, 201, headers))
    app.add_url_rule("/flask", "flask", lambda: (jsonify(BODY), 201, headers))
    return app.test_client()


def test_response_equals_that_of_flask(client):
    responses = [client.get(path) for path in ("/own", "/flask")]

    assert responses[0].data == responses[1].data
    assert responses[0].status == responses[1].status
    assert dict(responses[0].headers) == dict(responses[1].headers)


def test_response_to_head_has_no_body(client):
    response = client.head("/own")

    assert response.data == b""
    assert response.headers["Content-Length"] == str(len(client.get("/own").data))


def test_time_in_a_body_is_encoded_as_flask_does():
    response = JSONResponse({"at": datetime(2026, 2, 3, tzinfo=UTC)})

    assert response.json == {"at": "Tue, 03 Feb 2026 00:00:00 GMT"}


def test_header_with_a_line_end_is_rejected():
    with pytest.raises(ValueError, match="newline"):
        JSONResponse({}, 200, {"OTP-Proof": "a\r\nSet-Cookie: b"})
