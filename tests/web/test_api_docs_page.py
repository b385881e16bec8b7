"""`/docs`, the page of the API reference, without its scripts."""

from __future__ import annotations

import re

import pytest

from otp_engine import __version__
from tests.web.test_home import PRODUCTION

PAGES = {"/docs": "/openapi.json", "/docs/v2": "/openapi-v2.json"}


@pytest.mark.parametrize(("page", "document"), PAGES.items())
def test_page_lists_every_operation_without_scripts(client, page, document):
    text = client.get(page).text
    [block] = re.findall(r'<div id="reference".*?</div>', text, re.DOTALL)

    assert f'href="{document}"' in block
    for path, item in client.get(document).json["paths"].items():
        for method in item:
            assert f"<code>{method.upper()} {path}</code>" in block


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_the_page_has_a_target(client, page):
    text = client.get(page).text
    links = set(re.findall(r'(?:href|src|data-url)="([^"]+)"', text))

    assert len(links) > 10
    for link in links:
        if link.startswith("#"):
            assert f'id="{link[1:]}"' in text
        else:
            with client.get(link) as response:
                assert response.status_code == 200, link


@pytest.mark.parametrize("page", PAGES)
def test_page_has_the_strict_policy_of_all_pages(client, page):
    headers = client.get(page).headers

    assert (
        headers["Content-Security-Policy"]
        == (client.get("/").headers["Content-Security-Policy"])
    )
    assert "unsafe" not in headers["Content-Security-Policy"]


@pytest.mark.parametrize("page", PAGES)
def test_page_has_no_script_and_no_style_in_its_text(client, page):
    text = client.get(page).text

    assert re.findall(r"<style|<script(?![^>]* src=)|\sstyle=|\son\w+=", text) == []


@pytest.mark.parametrize("page", PAGES)
def test_page_outside_of_dev_mode_sends_no_requests(app_with, page):
    text = app_with(**PRODUCTION).test_client().get(page).text

    assert "data-try-it" not in text
    assert "This page sends no request and has no field for a key" in text


@pytest.mark.parametrize("page", PAGES)
def test_page_of_dev_mode_sends_requests(client, page):
    assert "data-try-it" in client.get(page).text


def test_document_outside_of_dev_mode_has_no_operations_of_dev_mode(app_with):
    document = app_with(**PRODUCTION).test_client().get("/openapi.json").json

    assert "/dev/inbox.json" not in document["paths"]


def test_page_shows_the_table_of_errors_with_code(client):
    text = client.get("/docs").text

    assert '<th scope="row"><code>delivery_unconfirmed</code></th>' in text
    assert "`" not in text


def test_page_of_v2_shows_the_table_of_errors(client):
    text = client.get("/docs/v2").text

    assert '<tr><td>429</td><th scope="row"><code>60203</code></th>' in text
    assert "`" not in text


def test_page_shows_the_headers_of_limits(client):
    text = client.get("/docs").text

    for header in ("Retry-After", "RateLimit", "RateLimit-Policy"):
        assert f"<dt><code>{header}</code></dt>" in text


@pytest.mark.parametrize("page", PAGES)
def test_page_has_no_version_of_the_service(app_with, page):
    # The document has it, for tools.
    assert __version__ not in app_with(**PRODUCTION).test_client().get(page).text


@pytest.mark.parametrize("document", PAGES.values())
def test_samples_have_the_host_of_the_request(client, document):
    hosts = ["localhost:3471", "127.0.0.1:3471", "localhost:3471"]

    texts = [client.get(document, headers={"Host": host}).text for host in hosts]

    for host, text in zip(hosts, texts, strict=True):
        assert f"curl http://{host}/" in text.replace("curl -X POST ", "curl ")
    assert texts[0] == texts[2]


def test_samples_have_the_public_url(app_with):
    client = app_with(OTP_PUBLIC_URL="https://example.com/otp").test_client()

    text = client.get("/openapi.json").text

    assert "curl https://example.com/otp/auth/send_otp" in text


@pytest.mark.parametrize("document", PAGES.values())
def test_document_that_the_client_has_is_not_sent_again(client, document):
    tag = client.get(document).headers["ETag"]

    response = client.get(document, headers={"If-None-Match": tag})

    assert (response.status_code, response.data) == (304, b"")
