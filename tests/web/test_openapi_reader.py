from __future__ import annotations

import pytest

from otp_engine.web.openapi_reader import OpenAPIDocument, inline, render_text

SERVER = "https://otp.example.com"


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("`aud` and `sub`", "<code>aud</code> and <code>sub</code>"),
        ("a < b & `<b>`", "a &lt; b &amp; <code>&lt;b&gt;</code>"),
        ("[guide](#x)", '<a href="#x">guide</a>'),
        ("[`/v2`](#x)", '<a href="#x"><code>/v2</code></a>'),
        ('[x](")', '<a href="&#34;">x</a>'),
    ],
)
def test_text_of_one_paragraph_is_rendered_and_escaped(text, html):
    assert inline(text) == html


def test_paragraphs_and_code_blocks_are_rendered():
    text = 'One.\n\nTwo.\n\n```\nurl = "{server}" # `a`\n```\n\nThree.'

    html = render_text(text, SERVER)

    code = f"<pre>url = &#34;{SERVER}&#34; # `a`</pre>"
    assert html == f"<p>One.</p><p>Two.</p>{code}<p>Three.</p>"


def test_nested_fields_follow_their_parent():
    document = {
        "components": {
            "schemas": {
                "Part": {
                    "type": "object",
                    "required": ["b"],
                    "properties": {
                        "b": {"type": ["string", "null"], "description": "The b."},
                        "c": {"enum": ["x", "y"], "examples": ["x"]},
                    },
                }
            }
        }
    }
    schema = {
        "properties": {
            "one": {"$ref": "#/components/schemas/Part"},
            "many": {"type": "array", "items": {"type": "integer"}},
            "const": {"const": "pending"},
        }
    }

    rows = list(OpenAPIDocument(document, SERVER).fields(schema))

    assert [(row.name, row.type, row.required) for row in rows] == [
        ("one", "object", False),
        ("one.b", "string or null", True),
        ("one.c", "`x` or `y`", False),
        ("many", "array of integers", False),
        ("const", "`pending`", False),
    ]
    assert rows[1].description == "The b."
    assert rows[2].examples == ("x",)


@pytest.mark.parametrize(
    ("method", "operation", "command"),
    [
        ("get", {}, "curl https://otp.example.com/x"),
        ("delete", {}, "curl https://otp.example.com/x -X DELETE"),
        (
            "get",
            {
                "parameters": [
                    {"name": "to", "in": "query", "schema": {"examples": ["+91 9"]}}
                ]
            },
            "curl 'https://otp.example.com/x?to=%2B91+9'",
        ),
        (
            "post",
            {
                "requestBody": {
                    "content": {
                        "application/json": {"examples": {"a": {"value": {"b": "c'd"}}}}
                    }
                }
            },
            """curl https://otp.example.com/x --json '{"b": "c'"'"'d"}'""",
        ),
    ],
)
def test_example_request_is_a_command_of_curl(method, operation, command):
    reader = OpenAPIDocument({}, SERVER)

    assert reader.curl("/x", method, operation | {"responses": {}}) == command


@pytest.mark.parametrize(
    "operation",
    [
        {"responses": {"200": {"content": {"text/html": {}}}}},
        {"responses": {}, "parameters": [{"name": "X-Signature", "in": "header"}]},
    ],
)
def test_pages_and_signed_requests_have_no_example(operation):
    assert OpenAPIDocument({}, SERVER).curl("/x", "get", operation) is None
