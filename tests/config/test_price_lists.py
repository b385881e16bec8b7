"""The files of `OTP_PRICES`."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest

from otp_engine import config
from otp_engine.config import price_lists, price_warnings, setting_warnings
from otp_engine.domain.money.budget import Budget
from otp_engine.errors import InvalidSettings
from tests.support.settings import PRODUCTION

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
PLAIN = "country,channel,price\nIN,sms,0.0832\nSN,sms,0.5506\n"
TWILIO_SMS = """\
ISO,Country,Description,Price / msg
,Unknown,SATELLITE Outbound SMS - Other,0.10000
IN,India,INDIA Outbound SMS - Airtel,0.08320
IN,India,INDIA Outbound SMS - Other,0.09320
CD,DR Congo,"CONGO, DEMOCRATIC REPUBLIC OF THE Outbound SMS - Airtel",0.25840
QK,Unknown,KOSOVO Outbound SMS - Vala,0.25090
"""
TWILIO_VOICE = """\
ISO,Country,Description,Price / min,Origination Prefixes,Destination Prefixes
JP,Japan,Programmable Outbound Minute - Japan,0.07460,,81
JP,Japan,Programmable Outbound Minute - Japan - Mobile,0.18500,,"8170, 8180"
"""
PRICING_API = {
    "country": "Estonia",
    "iso_country": "EE",
    "price_unit": "usd",
    "inbound_sms_prices": [{"base_price": "0.05", "current_price": "0.05"}],
    "outbound_sms_prices": [
        {"mcc": "248", "prices": [{"current_price": "0.0958", "base_price": "0.1"}]},
        {"mcc": "248", "prices": [{"current_price": "0.0858", "base_price": "0.1"}]},
    ],
}


@pytest.fixture
def read(tmp_path):
    """Return a function that reads texts as price lists."""

    def read(*texts, currency="USD"):
        paths = []
        for index, text in enumerate(texts):
            path = tmp_path / f"prices-{index}.csv"
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
            paths.append(str(path))
        return price_lists.reader(currency)(", ".join(paths))

    return read


@pytest.fixture
def load(tmp_path):
    """Return a function that loads the settings with a price list."""

    def load(text=None, **environ):
        if text is not None:
            path = tmp_path / "prices.csv"
            path.write_text(text)
            environ["OTP_PRICES"] = str(path)
        return config.load(PRODUCTION | environ)

    return load


def test_plain_list_is_read(read):
    prices = read(PLAIN)

    assert prices.by_country == {("IN", "sms"): 83_200, ("SN", "sms"): 550_600}
    assert prices.currency == "USD"


def test_twilio_list_of_messages_has_the_highest_price_of_the_networks(read):
    assert read(TWILIO_SMS).by_country == {
        ("001", "sms"): 100_000,
        ("IN", "sms"): 93_200,
        ("CD", "sms"): 258_400,
        ("XK", "sms"): 250_900,
    }


def test_twilio_list_of_calls_has_the_highest_price_of_the_prefixes(read):
    assert read(TWILIO_VOICE).by_country == {("JP", "call"): 185_000}


@pytest.mark.parametrize("content", [PRICING_API, [PRICING_API]])
def test_answer_of_the_pricing_api_is_read(read, content):
    assert read(json.dumps(content)).by_country == {("EE", "sms"): 95_800}


def test_several_lists_are_one_table(read):
    prices = read(TWILIO_SMS, TWILIO_VOICE)

    assert prices.price("IN", "sms") == 93_200
    assert prices.price("JP", "call") == 185_000


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbf" + PLAIN.encode(),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("country,channel,price", " Country , CHANNEL,Price"),
        PLAIN.replace("IN,sms", "in, SMS "),
        PLAIN + "\n\n",
        PLAIN + "IN,sms,0.01\n",
        PLAIN.replace("\n", ",extra\n"),
    ],
    ids=["BOM", "CRLF", "header", "case", "blank lines", "lower duplicate", "column"],
)
def test_variant_of_a_list_is_read(read, text):
    assert read(text).by_country == read(PLAIN).by_country


def test_names_in_another_encoding_are_read(read):
    text = TWILIO_SMS.replace("INDIA", "Índia").encode("latin-1")

    assert read(text).price("IN", "sms") == 93_200


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "must have the columns"),
        ("\ufeff", "must have the columns"),
        ("country,channel,price\n", "has no prices"),
        ("land,kanal,preis\nIN,sms,1\n", "must have the columns"),
        ("ISO,Country,Description\nIN,India,x\n", "must have the columns"),
        ("country,channel,price\nIN,sms\n", "line 2: '' is not a price"),
        ("country,channel,price\nIN,sms,-1\n", "line 2: '-1' is not a price"),
        ("country,channel,price\nIN,sms,NaN\n", "line 2: 'NaN' is not a price"),
        ("country,channel,price\nIN,sms,inf\n", "line 2: 'inf' is not a price"),
        ("country,channel,price\nIN,sms,1e2\n", "line 2: '1e2' is not a price"),
        ('country,channel,price\nIN,sms,"0,08"\n', "line 2: '0,08' is not a price"),
        ("country,channel,price\nIN,sms,1001\n", "over the maximum of 1000"),
        ("country,channel,price\nIN,sms," + "9" * 50, "is not a price"),
        ("country,channel,price\n,sms,1\n", "'' is not the ISO 3166 code"),
        ("country,channel,price\nIND,sms,1\n", "'IND' is not the ISO 3166 code"),
        ("country,channel,price\nIN,s m s,1\n", "'s m s' is not a channel"),
        ("country,channel,price,currency\nIN,sms,1,EUR\n", "the prices are in EUR"),
        ("country,channel,price,currency\nIN,sms,1,EUR\nUS,sms,1,USD", "EUR and USD"),
        ("country,channel,price,currency\nIN,sms,1,EURO\n", "three letters"),
        ("[]", "has no prices"),
        ("{}", "is not the JSON"),
        ("[1]", "is not the JSON"),
        ("{", "is not the JSON"),
        ('"IN","sms', "must have the columns"),
        (PLAIN.encode("utf-16"), "must have the columns"),
        (b"\x00\x01\x02", "must have the columns"),
    ],
)
def test_list_that_cannot_be_read_is_rejected(read, text, problem):
    with pytest.raises(ValueError, match=r"prices-0\.csv: ") as raised:
        read(text)

    assert problem in str(raised.value)


def test_every_row_with_a_problem_is_reported_up_to_ten(read):
    with pytest.raises(ValueError, match=r"line 2: .*; line 11: ") as raised:
        read("country,channel,price\n" + "IN,sms,x\n" * 12)

    assert str(raised.value).endswith("; and 2 problems more")


def test_list_with_300_000_rows_is_read(read):
    rows = (f"{a}{b},sms,0.{i:04}\n" for i in range(450) for a in LETTERS for b in "AZ")
    text = "country,channel,price\n" + "".join(rows) * 13

    assert text.count("\n") > 300_000
    assert read(text).price("QZ", "sms") == 44_900


def test_file_that_does_not_exist_stops_the_start():
    with pytest.raises(InvalidSettings, match=r"OTP_PRICES /no/such\.csv: cannot be"):
        config.load(PRODUCTION | {"OTP_PRICES": "/no/such.csv"})


def test_price_list_is_loaded(load):
    assert load(PLAIN).prices.price("SN", "sms") == 550_600


def test_built_in_prices_are_the_default(load):
    prices = load().prices

    assert prices.price("IN", "sms") == 83_200
    assert prices.price("001", "sms") == 100_000
    assert prices.as_of == date(2026, 10, 8)


def test_built_in_prices_in_another_currency_stop_the_start(load):
    with pytest.raises(InvalidSettings, match="OTP_CURRENCY is EUR, and the built-in"):
        load(OTP_CURRENCY="EUR")


def test_list_without_a_currency_has_that_of_the_settings(load):
    assert load(PLAIN, OTP_CURRENCY="eur").prices.currency == "EUR"


def test_budget_in_another_currency_stops_the_start(load):
    with pytest.raises(InvalidSettings, match="OTP_BUDGET is in EUR, and the prices"):
        load(OTP_BUDGET="480 EUR/24h")


def test_budget_in_the_currency_of_the_prices_is_accepted(load):
    settings = load(PLAIN, OTP_CURRENCY="EUR", OTP_BUDGET="480 EUR/24h")

    assert settings.policy.budget.amount == 480_000_000


def test_allowed_countries_without_a_price_cause_one_warning(load):
    settings = load(PLAIN, OTP_ALLOWED_COUNTRIES="IN,US,FR")

    found = [warning for warning in settings.warnings if "no price" in warning]
    assert len(found) == 1
    assert "no price for 2 of the allowed countries (FR, US)" in found[0]
    assert "count as 0.5506 USD each" in found[0]


def test_channels_without_a_price_cause_one_warning(load):
    calls = {"TWILIO_CALL_FROM": "+15005550006", "TWILIO_WHATSAPP_FROM": "+15005550006"}
    content = {"TWILIO_WHATSAPP_CONTENT": f"en=HX{'1' * 32}"}

    unpriced = load(PLAIN, **calls, **content)
    priced = load(PLAIN + "IN,whatsapp,0.0147\nIN,call,0.05\n", **calls, **content)

    assert any(
        "no price of whatsapp, call: their messages count as 0.5506 USD each" in text
        for text in unpriced.warnings
    )
    assert not any("no price of" in text for text in priced.warnings)


def test_every_country_without_a_price_counts_with_a_wildcard(load):
    settings = load(PLAIN, OTP_ALLOWED_COUNTRIES="*")

    assert any("AC, AD, AE, AF, AG, ..." in warning for warning in settings.warnings)


def test_territory_has_the_price_of_its_main_country(load):
    settings = load(PLAIN + "FI,sms,0.0861\n", OTP_ALLOWED_COUNTRIES="IN,FI,AX")

    assert not any("no price" in warning for warning in settings.warnings)


def test_old_prices_cause_a_warning_with_a_budget(load):
    with_budget = load(OTP_BUDGET="480/24h")
    without = load()

    day = date(2027, 12, 24)
    assert any(
        "2026-10-08" in text for text in price_warnings.collect(with_budget, day)
    )
    assert price_warnings.collect(without, day) == []


def test_commands_read_the_currency_and_no_prices():
    settings = config.load_for_command(
        PRODUCTION | {"OTP_CURRENCY": "EUR", "OTP_PRICES": "/no/such.csv"}
    )

    assert settings.currency == "EUR"


def test_live_budget_in_another_currency_causes_a_warning(load):
    settings = load()
    live = replace(settings.policy, budget=Budget.parse("480 EUR/24h"))

    warnings = setting_warnings.policy_warnings(live, settings)

    assert any(
        "budget is in EUR, and the prices are in USD" in text for text in warnings
    )
