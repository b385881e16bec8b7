"""`otp-engine messages`."""

from __future__ import annotations

import json

import pytest

from tests.support.command_line import run

HASH = "He42w354ol9"


@pytest.fixture
def own_texts(tmp_path):
    """Return a file with own texts: one of one segment, and one of two."""

    def write(*texts):
        path = tmp_path / "messages.toml"
        tables = [
            f'[[message]]\ncountry = "{country}"\ntext = "{text}"\n'
            for country, text in texts
        ]
        path.write_text("".join(tables))
        return str(path)

    return write


def rows(result):
    """Return the rows of a table by their first cell."""
    return {line.split()[0]: line.split() for line in result.stdout.splitlines()}


def test_check_shows_length_of_every_language():
    result = run("messages", "check", OTP_BRAND="Acme Global")

    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 42
    assert rows(result)["en"] == ["en", "GSM-7", "70", "1"]
    assert rows(result)["ru"] == ["ru", "UCS-2", "63", "1"]
    assert "41 texts are whole in one segment" in result.stderr


def test_check_shows_price_in_country():
    result = run("messages", "check", "--country", "in")

    assert rows(result)["en"] == ["en", "IN", "GSM-7", "69", "1", "0.0832"]


def test_check_of_long_brand_shows_what_is_left_out_and_fails():
    result = run("messages", "check", "--brand", "A" * 40)

    assert result.exit_code == 1
    assert rows(result)["ru"][4:] == ["lifetime,", "warning"]
    assert "12 of 41 texts are not whole" in result.stderr


def test_check_shows_what_autofill_costs():
    result = run("messages", "check", "--origin", "otp.example.com", "--json")

    left_out = {row["text"]: row["left_out"] for row in json.loads(result.stdout)}
    assert left_out["en"] == []
    assert left_out["th"] == ["lifetime"]


def test_check_has_own_texts_with_price_of_their_country(own_texts):
    path = own_texts(("IN", "{code} " + "x" * 160), ("US", "It is {code}"))

    result = run("messages", "check", "--json", OTP_MESSAGES=path)

    assert result.exit_code == 1
    long, short = json.loads(result.stdout)[41:]
    assert long | {"length": 167} == {
        "text": f"{path}: line 1",
        "country": "IN",
        "encoding": "GSM-7",
        "length": 167,
        "segments": 2,
        "price": "0.1664",
        "left_out": [],
    }
    assert (short["text"], short["segments"]) == (f"{path}: line 4", 1)


def test_check_of_calls_shows_voice_length_and_price():
    result = run("messages", "check", "--channel", "call", "--country", "in", "--json")

    assert result.exit_code == 0, result.output
    by_text = {row["text"]: row for row in json.loads(result.stdout)}
    assert len(by_text) == 41
    # No voice speaks Croatian, so these calls are in English.
    assert by_text["de"]["voice"].startswith("de")
    assert by_text["hr"]["voice"].startswith("en")
    assert by_text["hr"]["length"] == by_text["en"]["length"] > 0
    assert {row["country"] for row in by_text.values()} == {"IN"}
    assert float(by_text["en"]["price"]) > 0


def test_check_of_emails_shows_subject_and_length():
    result = run("messages", "check", "--channel", "email", OTP_BRAND="Acme Global")

    assert result.exit_code == 0, result.output
    assert len(result.stdout.splitlines()) == 42
    name, length, *subject = rows(result)["en"]
    assert (name, int(length) > 100) == ("en", True)
    assert "Acme Global" in " ".join(subject)


def test_check_has_own_texts_of_the_channel(tmp_path):
    path = tmp_path / "messages.toml"
    path.write_text(
        '[[message]]\nchannel = "call"\nlocale = "de"\ntext = "Hier ist {code}"\n'
        '[[message]]\nchannel = "email"\nsubject = "Code"\ntext = "It is {code}"\n'
    )

    calls = run(
        *("messages", "check", "--channel", "call", "--json"), OTP_MESSAGES=str(path)
    )
    mails = run(
        *("messages", "check", "--channel", "email", "--json"), OTP_MESSAGES=str(path)
    )

    [own_call] = json.loads(calls.stdout)[41:]
    [own_mail] = json.loads(mails.stdout)[41:]
    assert own_call["text"] == f"{path}: line 1"
    assert own_call["voice"].startswith("de")
    assert (own_mail["text"], own_mail["subject"]) == (f"{path}: line 5", "Code")


def test_preview_shows_message_and_its_price():
    result = run("messages", "preview", "--country", "BR", OTP_BRAND="Loja")

    assert result.exit_code == 0
    assert result.stdout == (
        "123456 é seu codigo Loja. Expira em 10 min. Nunca o compartilhe.\n"
    )
    assert "pt-BR, GSM-7, 64 characters, segments: 1, price: 0." in result.stderr


def test_preview_has_autofill_and_lifetime():
    options = ("--app-hash", HASH, "--origin", "example.com", "--seconds", "45")

    result = run("messages", "preview", "en-GB", *options, OTP_CODE_LENGTH="4")

    assert result.stdout == (
        "<#> 1234 is your OTP Engine code. It expires in 45 s. Don't share it.\n"
        f"@example.com #1234 {HASH}\n"
    )


def test_preview_shows_what_is_left_out():
    result = run("messages", "preview", "te", "--brand", "A" * 30)

    assert "left out: lifetime" in result.stderr


def test_preview_of_a_call_has_its_prompt():
    result = run("messages", "preview", "fr", "--channel", "call")

    prompt, text = result.stdout.splitlines()
    assert prompt.startswith("Appuyez")
    assert text.startswith("Votre code OTP Engine est le 1, 2, 3")


def test_preview_of_an_email_has_its_subject():
    result = run("messages", "preview", "en", "--channel", "email")

    assert result.stdout.startswith("Your OTP Engine code\n\nThis code confirms")


def test_preview_has_the_template_and_the_sender_of_an_own_text(tmp_path):
    path = tmp_path / "messages.toml"
    path.write_text(
        "[[message]]\ncountry = 'IN'\ntext = 'It is {code}'\n"
        "template_id = '1107161234567890123'\nsender_id = 'ACMEIN'\n"
    )

    result = run("messages", "preview", "--country", "IN", OTP_MESSAGES=str(path))

    assert "template_id: 1107161234567890123, sender_id: ACMEIN" in result.stderr


def test_preview_has_own_text_with_its_place(own_texts):
    path = own_texts(("IN", "It is {code}"))

    result = run("messages", "preview", "--country", "IN", OTP_MESSAGES=path)

    assert result.stdout == "It is 123456\n"
    assert f"{path}: line 1" in result.stderr


def test_preview_of_language_without_text_warns():
    result = run("messages", "preview", "bg", "--country", "ES")

    assert "no text exists in bg" in result.stderr
    assert "es tu codigo" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("preview", "x y"), "LOCALE must be a language tag"),
        (("preview", "--country", "XX"), "--country must be the ISO 3166 code"),
        (("check", "--brand", "A" * 41), "--brand must"),
        (("check", "--app-hash", "short"), "--app-hash must have 11 characters"),
    ],
)
def test_invalid_option_is_rejected(arguments, problem):
    result = run("messages", *arguments)

    assert result.exit_code == 1
    assert problem in result.stderr


def test_file_with_problems_is_rejected(own_texts):
    path = own_texts(("IN", "no code"))

    result = run("messages", "check", OTP_MESSAGES=path)

    assert result.exit_code == 1
    assert f"OTP_MESSAGES {path}: line 3: text must have the placeholder" in (
        result.stderr
    )
