from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
import pytest

from otp_engine.domain.factors import totp
from otp_engine.domain.factors.models import Algorithm, TotpConfig
from otp_engine.errors import InvalidFactor

SEED = b"12345678901234567890"
SECRETS = {
    Algorithm.SHA1: SEED,
    Algorithm.SHA256: (SEED * 2)[:32],
    Algorithm.SHA512: (SEED * 4)[:64],
}
# RFC 6238, appendix B.
VECTORS = [
    (59, "94287082", "46119246", "90693936"),
    (1111111109, "07081804", "68084774", "25091201"),
    (1111111111, "14050471", "67062674", "99943326"),
    (1234567890, "89005924", "91819424", "93441116"),
    (2000000000, "69279037", "90698825", "38618901"),
    (20000000000, "65353130", "77737706", "47863826"),
]
EXACT = TotpConfig(skew=0)
NOON = 1_800_000_000  # a multiple of 30 and 60


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def code_of(seconds: int, config: TotpConfig = EXACT) -> str:
    generator = pyotp.TOTP(
        totp.encode_secret(SEED), digits=config.code_length, interval=config.time_step
    )
    return generator.at(seconds)


@pytest.mark.parametrize(
    ("seconds", "algorithm", "code"),
    [
        (seconds, algorithm, code)
        for seconds, *codes in VECTORS
        for algorithm, code in zip(Algorithm, codes, strict=True)
    ],
)
def test_vectors_of_the_rfc_are_right_codes(seconds, algorithm, code):
    config = TotpConfig(algorithm=algorithm, code_length=8, skew=0)

    start = totp.find_time(code, SECRETS[algorithm], config, at=at(seconds), after=0)

    assert start == seconds // 30 * 30


@pytest.mark.parametrize("algorithm", Algorithm)
def test_vector_of_another_hash_is_wrong(algorithm):
    config = TotpConfig(algorithm=algorithm, code_length=8, skew=0)
    seconds, *codes = VECTORS[3]
    others = [
        code
        for other, code in zip(Algorithm, codes, strict=True)
        if other is not algorithm
    ]

    starts = [
        totp.find_time(code, SECRETS[algorithm], config, at=at(seconds), after=0)
        for code in others
    ]

    assert starts == [None, None]


@pytest.mark.parametrize("skew", [0, 1, 2])
@pytest.mark.parametrize("offset", [-3, -2, -1, 0, 1, 2, 3])
def test_code_is_right_within_the_skew(skew, offset):
    typed = code_of(NOON + offset * 30)

    start = totp.find_time(typed, SEED, TotpConfig(skew=skew), at=at(NOON), after=0)

    assert start == (NOON + offset * 30 if abs(offset) <= skew else None)


@pytest.mark.parametrize("time_step", [20, 60])
@pytest.mark.parametrize(("second", "is_right"), [(-1, False), (0, True), (1, True)])
def test_code_is_right_from_the_first_second_of_its_step(time_step, second, is_right):
    config = TotpConfig(time_step=time_step, skew=0)

    start = totp.find_time(
        code_of(NOON, config), SEED, config, at=at(NOON + second), after=0
    )

    assert start == (NOON if is_right else None)


def test_last_moment_of_a_step_belongs_to_it():
    start = totp.find_time(code_of(NOON), SEED, EXACT, at=at(NOON + 29.999), after=0)

    assert start == NOON


@pytest.mark.parametrize("clock", [-90, 90])
def test_clock_that_is_90_seconds_off_is_wrong_at_the_default_skew(clock):
    typed = code_of(NOON + clock)

    assert totp.find_time(typed, SEED, TotpConfig(), at=at(NOON), after=0) is None


@pytest.mark.parametrize(("after", "is_right"), [(-30, True), (0, False), (30, False)])
def test_accepted_step_and_those_before_it_are_wrong(after, is_right):
    start = totp.find_time(
        code_of(NOON), SEED, TotpConfig(), at=at(NOON), after=NOON + after
    )

    assert start == (NOON if is_right else None)


def test_earlier_step_is_wrong_after_a_later_one():
    config = TotpConfig(skew=2)

    start = totp.find_time(
        code_of(NOON - 60), SEED, config, at=at(NOON), after=NOON + 30
    )

    assert start is None


def test_code_of_two_steps_matches_the_first_new_one():
    config = TotpConfig(skew=2)
    repeated = 1_839_954_270
    assert code_of(repeated) == code_of(repeated + 60)

    starts = [
        totp.find_time(
            code_of(repeated), SEED, config, at=at(repeated + 30), after=after
        )
        for after in (0, repeated)
    ]

    assert starts == [repeated, repeated + 60]


@pytest.mark.parametrize("text", ["", "12345", "1234567", "abcdef", "९४२८७०", "x" * 99])
def test_text_that_is_no_code_of_the_factor_is_wrong(text):
    assert totp.find_time(text, SEED, EXACT, at=at(59), after=0) is None


def test_window_at_the_start_of_time_has_no_negative_step():
    typed = code_of(0)

    start = totp.find_time(typed, SEED, TotpConfig(skew=2), at=at(10), after=-1)

    assert start == 0


@pytest.mark.parametrize(
    ("algorithm", "length"),
    [(Algorithm.SHA1, 20), (Algorithm.SHA256, 32), (Algorithm.SHA512, 64)],
)
def test_generated_secret_is_as_long_as_the_hash(algorithm, length):
    secret = totp.generate_secret(algorithm, lambda count: b"r" * count)

    assert secret == b"r" * length


@pytest.mark.parametrize(
    "text",
    [
        "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
        "gezdgnbvgy3tqojqgezdgnbvgy3tqojq",
        "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ",
        " GEZDGNBVGY3TQOJQ\tGEZDGNBVGY3TQOJQ====\n",
    ],
)
def test_secret_is_parsed_in_any_spelling(text):
    assert totp.parse_secret(text) == SEED


@pytest.mark.parametrize("length", [16, 17, 18, 19, 20, 64])
def test_secret_of_allowed_length_is_parsed(length):
    text = totp.encode_secret(b"k" * length)

    assert "=" not in text
    assert totp.parse_secret(text) == b"k" * length


@pytest.mark.parametrize("length", [0, 1, 10, 15, 65, 128])
def test_secret_of_another_length_is_refused(length):
    with pytest.raises(InvalidFactor, match="16 to 64 bytes") as caught:
        totp.parse_secret(totp.encode_secret(b"k" * length))

    assert caught.value.parameter == "secret"


@pytest.mark.parametrize(
    "text",
    [
        *("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ1", "ключ" * 8, "G" * 33, "=" * 40 + "A"),
        # Their upper case is SS, S and I.
        *("ß" * 16, "\N{LATIN SMALL LETTER LONG S}" * 32, "ı" * 32),
    ],
)
def test_text_that_is_not_base32_is_refused_without_being_repeated(text):
    with pytest.raises(InvalidFactor, match="must be Base32") as caught:
        totp.parse_secret(text)

    assert text not in str(caught.value)
    assert caught.value.__cause__ is None


def test_uri_writes_every_parameter():
    uri = totp.to_uri(SEED, TotpConfig(), issuer="Owl Bank", name="John’s Account")

    assert uri == (
        "otpauth://totp/Owl%20Bank:John%E2%80%99s%20Account"
        "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Owl%20Bank"
        "&algorithm=SHA1&digits=6&period=30"
    )


@pytest.mark.parametrize("config", [EXACT, TotpConfig(code_length=8, time_step=60)])
@pytest.mark.parametrize("algorithm", Algorithm)
def test_app_that_reads_the_uri_shows_right_codes(config, algorithm):
    config = TotpConfig(
        algorithm=algorithm, code_length=config.code_length, time_step=config.time_step
    )
    secret = SECRETS[algorithm]
    app = pyotp.parse_uri(totp.to_uri(secret, config, issuer="Shop", name="Ann"))

    assert isinstance(app, pyotp.TOTP)
    assert totp.find_time(app.at(NOON), secret, config, at=at(NOON), after=0) == NOON


@pytest.mark.parametrize(
    "name", ["a:b", "a/b?secret=x&issuer=y", "50%", "日本 #1", "+"]
)
def test_uri_keeps_special_characters_of_names(name):
    uri = totp.to_uri(SEED, TotpConfig(), issuer=name, name=name)

    parts = urlsplit(uri)
    issuer, account = parts.path.removeprefix("/").split(":")
    assert (unquote(issuer), unquote(account)) == (name, name)
    assert parse_qs(parts.query)["issuer"] == [name]
    assert not parts.fragment
