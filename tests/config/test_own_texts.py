"""The file of `OTP_MESSAGES`."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_engine import config
from otp_engine.config import own_texts
from otp_engine.domain.messages.own_texts import OwnText, fill
from otp_engine.domain.models import Channel
from otp_engine.errors import InvalidSettings
from tests.support.settings import PRODUCTION

VALID = """
# DLT
[[message]]
country = "IN"
text = "{code} is your {brand} OTP, valid for {minutes} min. - ACME"
template_id = "1107161234567890123"
sender_id = "ACMEIN"

[[message]]
locale = "zh-TW"
text = "{code} 是您的驗證碼。"

[[message]]
country = "GB"
sender_id = "Acme Bank"

[[message]]
channel = "email"
locale = "en"
subject = "Your code for {brand}"
text = "The code is {code}."

[[message]]
channel = "call"
locale = "en"
text = "Hello. The code is {code}"
"""
MISSING = "must have tables [[message]], and nothing else"
UNKNOWN = "text has the unknown placeholder"


@pytest.fixture
def problems(tmp_path):
    path = tmp_path / "messages.toml"

    def read(content):
        path.write_text(content)
        with pytest.raises(ValueError, match=r"\.toml") as error:
            own_texts.read(str(path))
        return str(error.value).replace(f"{path}: ", "")

    return read


def test_file_has_its_texts(tmp_path):
    path = tmp_path / "messages.toml"
    path.write_text(VALID)

    texts = own_texts.read(str(path))

    indian, chinese, british, email, call = texts.entries
    assert indian == OwnText(
        channel=Channel.SMS,
        country="IN",
        text="{code} is your {brand} OTP, valid for {minutes} min. - ACME",
        template_id="1107161234567890123",
        sender_id="ACMEIN",
    )
    assert indian.place == f"{path}: line 3"
    assert (chinese.locale, chinese.country) == ("zh-HK", None)
    assert (british.text, british.sender_id) == (None, "Acme Bank")
    assert email.subject == "Your code for {brand}"
    assert call.channel == Channel.CALL


def test_example_of_the_page_is_valid(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "messages.md").read_text()
    path = tmp_path / "messages.toml"
    path.write_text(page.partition("```toml\n")[2].partition("```")[0])

    texts = own_texts.read(str(path))

    assert len(texts.entries) == 4
    assert warnings_of(tmp_path, path.read_text()) == []


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("x = 1", MISSING),
        ("", MISSING),
        ("message = 1", MISSING),
        ("message = [1]", "message 1: must be a table [[message]]"),
        ('[[message]]\ntext = "{code}', "(at end of document)"),
        ("[[message]]\n", "line 1: text is missing"),
        ('\n[[message]]\nlocale = "en"', "line 2: text is missing"),
        ('[[message]]\ntext = "x"', "line 2: text must have the placeholder {code}"),
        (
            '[[message]]\n# x\ntext = "{code} {name}"',
            f"line 3: {UNKNOWN} {{name}}: known are {{brand}}, {{code}}, {{minutes}}",
        ),
        ('[[message]]\ntext = "{code!r}"', f"line 2: {UNKNOWN}"),
        ('[[message]]\ntext = "{code:>9}"', f"line 2: {UNKNOWN}"),
        ('[[message]]\ntext = "{code.x}"', f"line 2: {UNKNOWN}"),
        ('[[message]]\ntext = "{} {code}"', f"line 2: {UNKNOWN}"),
        ('[[message]]\ntext = "{code} }"', "line 2: text has a single { or }"),
        ('[[message]]\ntext = "{code"', "line 2: text has a single { or }"),
        ('[[message]]\ntext = "{code}\\u0000"', "line 2: text must have no control"),
        (f'[[message]]\ntext = "{{code}}{"x" * 1600}"', "line 2: text must have at"),
        ("[[message]]\ntext = 1", "line 2: text must be a text in quotes"),
        ('[[message]]\ntext = "{code}"\nname = "x"', "line 3: 'name' is not one of"),
        (
            '[[message]]\ntext = "{code}"\nlocale = "tlh"',
            "line 3: locale must be one of af ar",
        ),
        (
            '[[message]]\ntext = "{code}"\ncountry = "XX"',
            "line 3: country must be the ISO 3166 code",
        ),
        (
            '[[message]]\ntext = "{code}"\nchannel = "fax"',
            "line 3: channel must be one of sms, call, email: 'fax'",
        ),
        (
            '[[message]]\ntext = "{code}"\nchannel = "whatsapp"',
            "line 3: channel must not be whatsapp: its provider fixes the text",
        ),
        (
            '[[message]]\ntext = "{code}"\nsender_id = "AC"',
            "line 3: sender_id must be 3 to 11",
        ),
        ('[[message]]\nsender_id = "ACMEINDIALTD"', "line 2: sender_id must be 3"),
        ('[[message]]\nsender_id = "123456"', "line 2: sender_id must be 3 to 11"),
        (
            '[[message]]\ntext = "{code}"\ntemplate_id = "a b"',
            "line 3: template_id must be 1 to 64",
        ),
        (
            '[[message]]\nsender_id = "ACMEIN"\ntemplate_id = "1"',
            "line 3: template_id needs the text",
        ),
        (
            '[[message]]\ntext = "{code}"\nsubject = "x"',
            "line 3: subject is for the channel email only",
        ),
        (
            '[[message]]\nchannel = "email"\nsender_id = "ACMEIN"',
            "line 3: sender_id is not for e-mails",
        ),
        (
            '[[message]]\nchannel = "email"\ntext = "{code}"\nsubject = "{code}"',
            "line 4: subject must not have {code}",
        ),
        (
            '[[message]]\nchannel = "email"\ntext = "{code}"\nsubject = "a\\r\\nb"',
            "line 4: subject must be one line",
        ),
        (
            '[[message]]\nchannel = "call"\ntext = "{code} is your code"',
            "line 3: text of a call must end with {code}",
        ),
        (
            f'[[message]]\nchannel = "call"\ntext = "{"x" * 200} {{code}}"',
            "line 3: text of a call must have at most 200 characters",
        ),
        (
            '[[message]]\nchannel = "call"\nlocale = "hr"\ntext = "Kod je {code}"',
            "line 3: locale has no voice",
        ),
        (
            '[[message]]\ntext = "{code}"\n\n[[message]]\ntext = "a {code}"',
            "line 4: has the channel, the country and the locale of line 1",
        ),
        (
            '[[message]]\ntext = """\n[[message]]\n{code} {x}"""',
            f"message 1: {UNKNOWN} {{x}}",
        ),
    ],
)
def test_problem_is_reported_with_its_line(problems, content, problem):
    assert problem in problems(content)


def test_ten_problems_are_reported(problems):
    found = problems('[[message]]\ntext = "x"\n' * 12)

    assert found.count("must have the placeholder {code}") == 10
    assert found.endswith("and 2 problems more")


def test_file_that_cannot_be_read_is_rejected():
    with pytest.raises(InvalidSettings) as error:
        config.load(PRODUCTION | {"OTP_MESSAGES": "/no/such.toml"})

    assert error.value.problems == (
        "OTP_MESSAGES /no/such.toml: cannot be read: No such file or directory",
    )


def test_file_that_is_not_utf_8_is_rejected(tmp_path):
    path = tmp_path / "messages.toml"
    path.write_bytes(b'[[message]]\ntext = "\xff{code}"')

    with pytest.raises(ValueError, match="is not UTF-8"):
        own_texts.read(str(path))


def test_file_with_deep_brackets_is_rejected(tmp_path):
    path = tmp_path / "messages.toml"
    path.write_text(f"message = {'[' * 20_000}")

    with pytest.raises(ValueError, match="has too many brackets"):
        own_texts.read(str(path))


def test_large_file_is_rejected(tmp_path):
    path = tmp_path / "messages.toml"
    path.write_bytes(b"#" * (1024 * 1024 + 1))

    with pytest.raises(ValueError, match="has more than 1048576 bytes"):
        own_texts.read(str(path))


def warnings_of(tmp_path, content):
    path = tmp_path / "messages.toml"
    path.write_text(content)
    settings = config.load(PRODUCTION | {"OTP_MESSAGES": str(path)})
    return [warning.replace(f"{path}: ", "") for warning in settings.warnings]


def test_text_of_several_segments_is_warned_of_with_its_price(tmp_path):
    text = "{code} " + "x" * 160

    indian, other = warnings_of(
        tmp_path,
        f'[[message]]\ncountry = "IN"\ntext = "{text}"\n[[message]]\ntext = "{text}"',
    )

    start = "the text has 2 segments, so"
    assert indian.startswith(f"OTP_MESSAGES line 1: {start} a message to IN costs ")
    assert " USD instead of " in indian
    assert other == f"OTP_MESSAGES line 4: {start} each message costs as much as 2"


def test_characters_that_need_ucs_2_are_named(tmp_path):
    text = "{code} is your code. Don\u2019t share it. " + "x" * 60

    (warning,) = warnings_of(tmp_path, f'[[message]]\ntext = "{text}"')

    assert warning.endswith(
        "GSM-7, with 160 characters in a segment, lacks \u2019 (U+2019)"
    )


def test_text_in_another_script_names_no_characters(tmp_path):
    text = "{code} \u2014 \u043a\u043e\u0434 \u0432\u0445\u043e\u0434\u0430 " * 6

    (warning,) = warnings_of(tmp_path, f'[[message]]\ntext = "{text}"')

    assert "lacks" not in warning


@given(st.text(max_size=60), st.sampled_from(["{code}", "{code}{brand}", "{minutes}"]))
def test_text_is_rejected_or_can_be_filled(text, placeholders):
    try:
        parsed = own_texts.parse_text(text + placeholders)
    except ValueError:
        return

    filled = fill(parsed, {"code": "123456", "brand": "{x}", "minutes": "10"})

    assert "123456" in filled


def test_text_of_one_segment_has_no_warning(tmp_path):
    assert warnings_of(tmp_path, VALID) == []
