from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_engine.crypto import archive

KEY = b"k" * 32
OTHER = b"o" * 32
SALT = b"s" * archive.SALT_BYTES
RECORDS = [b"first record", b"second", b"the third of them"]
_HEADER_BYTES = len(b"otp-engine factors 1\n") + archive.SALT_BYTES

records_of_any_length = st.lists(st.binary(min_size=1, max_size=60), max_size=6)


def written(records, *, key=KEY, salt=SALT):
    output = io.BytesIO()
    archive.write(output, records, key=key, salt=salt)
    return output.getvalue()


def read(data, *keys):
    return list(archive.read(io.BytesIO(data), keys=keys or (KEY,)))


def frames(data):
    """Return the header of an archive and its frames."""
    header, rest = data[:_HEADER_BYTES], data[_HEADER_BYTES:]
    parts = []
    while rest:
        length = 4 + int.from_bytes(rest[:4], "big")
        parts.append(rest[:length])
        rest = rest[length:]
    return header, parts


@given(records_of_any_length)
def test_archive_returns_its_records_in_order(records):
    assert read(written(records)) == records


@given(records_of_any_length.filter(bool))
def test_archive_is_read_with_the_previous_key(records):
    assert read(written(records), OTHER, KEY) == records


@given(records_of_any_length)
def test_archive_of_another_key_is_rejected(records):
    with pytest.raises(ValueError, match="another factor key"):
        read(written(records, key=OTHER))


@given(records_of_any_length, st.data())
def test_cut_archive_is_rejected(records, data):
    whole = written(records)
    length = data.draw(st.integers(0, len(whole) - 1))

    with pytest.raises(ValueError, match=r"is cut|is no archive"):
        read(whole[:length])


@given(records_of_any_length, st.data())
def test_changed_byte_is_rejected(records, data):
    whole = bytearray(written(records))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))

    with pytest.raises(ValueError, match=r"^(is|has|was) "):
        read(bytes(whole))


@given(records_of_any_length, st.binary(min_size=1, max_size=20))
def test_data_after_the_end_is_rejected(records, more):
    with pytest.raises(ValueError, match="data after its end"):
        read(written(records) + more)


@pytest.mark.parametrize(
    "order",
    [(1, 0, 2, 3), (0, 2, 1, 3), (0, 0, 1, 2, 3), (0, 2, 3), (1, 2, 3), (0, 1, 3)],
)
def test_moved_repeated_or_removed_record_is_rejected(order):
    header, parts = frames(written(RECORDS))

    with pytest.raises(ValueError, match="damaged at record"):
        read(header + b"".join(parts[index] for index in order))


def test_record_of_another_archive_is_rejected():
    header, parts = frames(written(RECORDS))
    _, others = frames(written(RECORDS, salt=b"t" * archive.SALT_BYTES))

    with pytest.raises(ValueError, match="damaged at record 2"):
        read(header + parts[0] + others[1] + parts[2] + parts[3])


def test_end_of_another_place_is_rejected():
    header, parts = frames(written(RECORDS))
    _, shorter = frames(written(RECORDS[:2]))

    with pytest.raises(ValueError, match="damaged at record 4"):
        read(header + b"".join(parts[:3]) + shorter[2])


def test_later_version_is_rejected_with_its_number():
    later = written(RECORDS).replace(b"factors 1\n", b"factors 2\n")

    with pytest.raises(ValueError, match="version 2, and this release reads version 1"):
        read(later)


def test_length_beyond_the_longest_record_is_rejected_before_it_is_read():
    header, _ = frames(written(RECORDS))

    with pytest.raises(ValueError, match="damaged at record 1"):
        read(header + b"\xff\xff\xff\xff")


@pytest.mark.parametrize("record", [b"", b"x" * (archive.MAX_RECORD_BYTES + 1)])
def test_empty_or_long_record_is_not_written(record):
    with pytest.raises(ValueError, match="empty or too long"):
        written([record])


def test_equal_records_have_different_ciphertexts():
    _, (first, second, _) = frames(written([b"equal", b"equal"]))

    assert first != second
