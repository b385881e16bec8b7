from __future__ import annotations

import gzip
import hashlib
import re
from importlib import resources

import pytest

from otp_engine.web.vendor import SWAGGER_UI

FOLDER = resources.files("otp_engine.web") / "static" / "vendor" / "swagger-ui"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^\| (\S+) \| ([0-9a-f]{64}) \|$", README, re.MULTILINE))
BASE = f"/assets/vendor/swagger-ui/{SWAGGER_UI}"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_every_compressed_file_is_recorded():
    stored = {file.name for file in FOLDER.iterdir() if file.name.endswith(".gz")}

    assert stored == {f"{name}.gz" for name in FILES}
    assert FILES


def test_version_is_that_of_the_record():
    assert README.startswith(f"# Swagger UI {SWAGGER_UI}\n")


@pytest.mark.parametrize("name", FILES)
def test_file_has_the_recorded_digest(name):
    content = gzip.decompress((FOLDER / f"{name}.gz").read_bytes())

    assert digest(content) == FILES[name]


@pytest.mark.parametrize("name", FILES)
def test_compressed_file_can_be_kept_for_a_year(client, name):
    response = client.get(f"{BASE}/{name}", headers={"Accept-Encoding": "gzip"})

    assert response.headers["Content-Encoding"] == "gzip"
    assert digest(gzip.decompress(response.data)) == FILES[name]
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.vary.as_set() >= {"accept-encoding"}


@pytest.mark.parametrize("encodings", [None, "identity", "br", "gzip;q=0"])
def test_client_without_gzip_gets_the_plain_file(client, encodings):
    headers = {"Accept-Encoding": encodings} if encodings else {}
    response = client.get(f"{BASE}/swagger-ui.css", headers=headers)

    assert "Content-Encoding" not in response.headers
    assert digest(response.data) == FILES["swagger-ui.css"]


def test_file_that_the_browser_has_is_not_sent_again(client):
    tag = client.get(f"{BASE}/swagger-ui.css").headers["ETag"]

    response = client.get(f"{BASE}/swagger-ui.css", headers={"If-None-Match": tag})

    assert (response.status_code, response.data) == (304, b"")


@pytest.mark.parametrize("name", ["nope.js", "README.md", "swagger-ui.css.gz"])
def test_other_file_of_the_folder_is_not_found_there(client, name):
    assert client.get(f"{BASE}/{name}").status_code == 404


def test_file_of_another_version_is_not_found(client):
    path = "/assets/vendor/swagger-ui/5.0.0/swagger-ui.css"

    assert client.get(path).status_code == 404
