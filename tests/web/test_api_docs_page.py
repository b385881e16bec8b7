"""`/docs`, the page of the API reference."""

from __future__ import annotations

import html
import re
import shlex

import pytest
from flask import template_rendered
from jinja2 import Template


def test_page_shows_every_operation(client):
    page = client.get("/docs").text
    document = client.get("/openapi.json").json

    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert f'id="{operation["operationId"]}"' in page
        assert f"<code>{path}</code>" in page


def test_page_renders_code_and_links_of_descriptions(client):
    page = client.get("/docs").text

    assert "`" not in re.sub(r"<pre>.*?</pre>", "", page, flags=re.DOTALL)
    assert "<code>OTP_PROOF_KEY</code>" in page
    assert '<a href="https://www.twilio.com/docs/verify/api">' in page
    assert "](" not in page


def test_page_shows_fields_of_array_items(client):
    page = client.get("/docs").text

    assert "<code>keys[].kid</code>" in page
    assert "<code>messages[].expires_in</code>" in page
    assert "array of objects" in page


def test_every_link_of_the_page_has_a_target(client):
    page = client.get("/docs").text
    anchors = re.findall(r'href="#([^"]+)"', page)

    assert len(anchors) > 15
    assert set(anchors) <= set(re.findall(r'id="([^"]+)"', page))


def test_every_table_of_the_page_scrolls_by_keyboard(client):
    page = client.get("/docs").text
    region = r'<div class="scroll" role="region" aria-label="([^"]+)" tabindex="0">'
    regions = re.findall(rf"{region}\s*<table>", page)

    assert len(regions) == page.count("<table>") > 5
    assert len(set(regions)) == len(regions)


def test_page_explains_authentication_and_v2(client):
    page = client.get("/docs", headers={"Host": "localhost:3471"}).text

    assert "Authorization: Bearer SECRET" in page
    assert "client.verify.base_url = &#34;http://localhost:3471&#34;" in page


def test_example_request_of_the_page_is_accepted(client):
    page = client.get("/docs", headers={"Host": "localhost:3471"}).text
    start = "curl http://localhost:3471/auth/send_otp --json "
    commands = [html.unescape(c) for c in re.findall(r"<pre>(.*?)</pre>", page)]

    [command] = [command for command in commands if command.startswith(start)]
    *_, body = shlex.split(command)
    response = client.post("/auth/send_otp", data=body, content_type="application/json")

    assert response.status_code == 201


@pytest.mark.parametrize("path", ["/docs", "/docs/"])
def test_page_has_no_entry_for_itself(client, path):
    page = client.get(path).text

    assert "<code>/docs</code>" not in page
    assert "<code>/openapi.json</code>" not in page


def test_page_of_one_host_is_rendered_once(client):
    rendered = []

    def record(_sender: object, template: Template, **_: object) -> None:
        rendered.append(template.name)

    with template_rendered.connected_to(record, client.application):
        # The first request of any test for this host.
        host = {"Host": "localhost:3472"}
        pages = [client.get("/docs", headers=host).text for _ in range(3)]

    assert rendered == ["docs.html"]
    assert len(set(pages)) == 1


def test_page_of_another_host_has_its_own_examples(client):
    hosts = ["localhost:3471", "127.0.0.1:3471", "localhost:3471"]

    pages = [client.get("/docs", headers={"Host": host}).text for host in hosts]

    for host, page in zip(hosts, pages, strict=True):
        assert f"curl http://{host}/auth/send_otp" in page
    assert pages[0] == pages[2]
