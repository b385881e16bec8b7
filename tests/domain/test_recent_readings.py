from __future__ import annotations

import pytest

from otp_engine.domain.phones.recent_readings import (
    MAX_AGE,
    MAX_READINGS,
    RecentReadings,
)
from otp_engine.errors import InvalidPhone


class Reader:
    def __init__(self):
        self.calls = []
        self.now = 0.0
        self.readings = RecentReadings(self._read, lambda: self.now)

    def _read(self, text, region):
        self.calls.append((text, region))
        if text == "invalid":
            raise InvalidPhone
        return f"{region} {text}"


@pytest.fixture
def reader():
    return Reader()


def test_second_reading_of_a_text_is_stored(reader):
    results = [reader.readings("9445012345", "IN") for _ in range(2)]

    assert results == ["IN 9445012345"] * 2
    assert len(reader.calls) == 1


def test_readings_of_a_text_in_two_regions_differ(reader):
    results = [reader.readings("9445012345", region) for region in ("IN", "US")]

    assert results == ["IN 9445012345", "US 9445012345"]


def test_reading_is_deleted_after_its_maximum_age(reader):
    reader.readings("9445012345", "IN")
    reader.now = MAX_AGE.total_seconds()
    reader.readings("9445012345", "IN")

    assert len(reader.calls) == 2


def test_oldest_reading_is_deleted_at_the_maximum_number(reader):
    for number in range(MAX_READINGS + 1):
        reader.readings(str(number), "IN")
    reader.readings("0", "IN")

    assert len(reader.calls) == MAX_READINGS + 2


def test_error_is_not_stored(reader):
    for _ in range(2):
        with pytest.raises(InvalidPhone):
            reader.readings("invalid", "IN")

    assert len(reader.calls) == 2


def test_long_text_is_not_stored(reader):
    for _ in range(2):
        reader.readings("9445012345" + " " * 30, "IN")

    assert len(reader.calls) == 2
