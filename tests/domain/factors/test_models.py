from __future__ import annotations

import pytest

from otp_engine.domain.factors.models import (
    Algorithm,
    FactorCheck,
    FactorRequest,
    TotpConfig,
)
from otp_engine.domain.services import DEFAULT
from otp_engine.errors import InvalidFactor


def test_default_config_is_the_one_that_every_app_reads():
    config = TotpConfig()

    assert config == TotpConfig(
        algorithm=Algorithm.SHA1, code_length=6, time_step=30, skew=1
    )


@pytest.mark.parametrize(
    "values",
    [
        *({"code_length": 6}, {"code_length": 8}, {"time_step": 20}),
        *({"time_step": 60}, {"skew": 0}, {"skew": 2}),
    ],
    ids=str,
)
def test_value_at_the_end_of_its_range_is_accepted(values):
    config = TotpConfig(**values)

    assert {name: getattr(config, name) for name in values} == values


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("code_length", 3), ("code_length", 5), ("code_length", 9)),
        *(("time_step", 19), ("time_step", 61), ("time_step", 0)),
        *(("skew", -1), ("skew", 3)),
    ],
)
def test_value_out_of_its_range_is_refused(name, value):
    with pytest.raises(InvalidFactor) as caught:
        TotpConfig(**{name: value})

    assert caught.value.parameter == name
    assert name in caught.value.message


def test_requests_show_neither_secret_nor_code():
    request = FactorRequest(
        service=DEFAULT,
        identity="person-1",
        friendly_name="Person",
        secret=b"sixteen byte key",
        recovery=b"hashes of codes",
    )
    check = FactorCheck(service=DEFAULT, identity="person-1", code="482913")

    shown = repr(request) + repr(check)

    assert "sixteen" not in shown
    assert "hashes" not in shown
    assert "482913" not in shown
