from __future__ import annotations

import base64
import json
import subprocess
import sys

import pytest

from otp_engine.api import qr_codes
from otp_engine.domain.factors import totp
from otp_engine.domain.factors.models import Algorithm, TotpConfig
from tests.support import qr_svg, server_process

URI = (
    "otpauth://totp/Acme%3A:alice?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    "&issuer=Acme%3A&algorithm=SHA1&digits=6&period=30"
)


@pytest.mark.parametrize("text", [URI, "1", "A", "b", "ü", "日本", "x" * 1_000])
def test_qr_code_contains_the_text(text):
    svg = qr_codes.to_svg(text)

    assert qr_svg.decode(svg) == text


def test_qr_code_has_a_quiet_zone_of_four_light_modules():
    rows = qr_svg.modules(qr_codes.to_svg(URI))

    edges = [*rows[:4], *rows[-4:], *(row[:4] + row[-4:] for row in rows)]
    assert not any(map(any, edges))
    assert rows[4][4]


def test_qr_code_is_dark_on_light_whatever_the_page_has():
    light, dark = qr_svg.parse(qr_codes.to_svg(URI))

    assert (light.attrib["fill"], dark.attrib["stroke"]) == ("#fff", "#000")


def test_qr_code_scales_to_its_place():
    svg = qr_svg.parse(qr_codes.to_svg(URI))

    assert set(svg.attrib) == {"viewBox"}


@pytest.mark.parametrize("length", [2_331, 2_332, 2_953])
def test_longest_text_of_each_level_has_a_qr_code(length):
    assert qr_codes.to_svg("x" * length).startswith("<svg ")


def test_longest_uri_has_a_qr_code():
    config = TotpConfig(algorithm=Algorithm.SHA512, code_length=8, time_step=60)
    uri = totp.to_uri(b"k" * 64, config, issuer="\N{OWL}" * 64, name="\N{OWL}" * 64)

    assert len(uri) == 2_475
    assert qr_codes.to_svg(uri).startswith("<svg ")


def test_longer_text_is_rejected():
    with pytest.raises(ValueError, match="large"):
        qr_codes.to_svg("x" * 2_954)


# Prints whether an installation with these settings imports segno before a request.
PRELOADED = """
import json, sys
from otp_engine import app, config

app.preload(config.load(json.loads(sys.argv[1])))
print("segno" in sys.modules)
"""


@pytest.mark.parametrize("with_factors", [False, True])
def test_only_an_installation_with_a_factor_key_imports_segno(with_factors):
    environ = server_process.production("redis://localhost", "http://localhost")
    if with_factors:
        environ["OTP_FACTOR_KEY"] = base64.b64encode(bytes(range(32, 64))).decode()

    result = subprocess.run(
        [sys.executable, "-c", PRELOADED, json.dumps(environ)],
        env=server_process.PATH,
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout.split() == [str(with_factors)]
