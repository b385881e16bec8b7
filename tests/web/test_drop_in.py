from __future__ import annotations


def test_drop_in_is_a_small_public_script(client):
    response = client.get("/verify.js")

    assert response.status_code == 200
    assert response.content_type.startswith("text/javascript")
    assert len(response.data) < 8_000
    assert response.headers["Cache-Control"] == "public, max-age=3600"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in response.headers


def test_unchanged_drop_in_is_not_sent_again(client):
    etag = client.get("/verify.js").headers["ETag"]

    response = client.get("/verify.js", headers={"If-None-Match": etag})

    assert (response.status_code, response.data) == (304, b"")
    assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_drop_in_without_the_page_is_not_found(app_with):
    response = app_with(OTP_VERIFY_PAGE="0").test_client().get("/verify.js")

    assert response.status_code == 404
