"""Encrypted archives: records that can be read only complete, in order and unchanged.

The layout of version 1:

    header  `otp-engine factors 1` and a line feed, then a salt of 16 random bytes
    frame   length of the ciphertext (4 bytes, big-endian), then the ciphertext

Each record is a frame, and an empty record ends the archive. The key of an archive is
derived from the operator's key, the header and the salt (HKDF-SHA256, RFC 5869). Each
frame is encrypted with ChaCha20-Poly1305 (RFC 8439). Its nonce is the number of the
frame and whether it is the last one, as in the STREAM construction (Hoang,
Reyhanitabar, Rogaway and Vizár, 2015). So no frame can be removed, repeated, moved or
taken from another archive.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

VERSION = 1
SALT_BYTES = 16
MAX_RECORD_BYTES = 4 * 1024 * 1024
"""The longest record: a length that is damaged must not fill the memory."""

_HEADER = re.compile(rb"otp-engine factors ([1-9][0-9]{0,8})\n")
_MAX_HEADER_BYTES = 32
_KEY_BYTES = 32
_LENGTH_BYTES = 4
_TAG_BYTES = 16
_COUNTER_BYTES = 11
_MORE, _LAST = b"\x00", b"\x01"


class OtherKey(ValueError):
    """No key decrypts the first record of an archive."""


def write(
    output: BinaryIO, records: Iterable[bytes], *, key: bytes, salt: bytes
) -> None:
    """Write an archive.

    Args:
        output: Where it is written to.
        records: The records, at least one byte and at most `MAX_RECORD_BYTES` each.
        key: The operator's key for archives, 32 bytes.
        salt: 16 random bytes, new ones for each archive.

    Raises:
        ValueError: A record is empty or too long.
    """
    header = b"otp-engine factors %d\n" % VERSION
    cipher = _cipher(key, salt, header)
    output.write(header + salt)
    number = 0
    for record in records:
        if not 0 < len(record) <= MAX_RECORD_BYTES:
            raise ValueError("a record is empty or too long")
        _write_frame(output, cipher.encrypt(_nonce(number, _MORE), record, None))
        number += 1
    _write_frame(output, cipher.encrypt(_nonce(number, _LAST), b"", None))


def read(source: BinaryIO, *, keys: Iterable[bytes]) -> Iterator[bytes]:
    """Read the records of an archive, each verified with its place.

    Only the end of the iteration proves that the archive is complete.

    Args:
        source: The archive.
        keys: The operator's keys for archives: the current one, then the previous one.

    Yields:
        The records.

    Raises:
        OtherKey: No key decrypts the first record.
        ValueError: It is no archive, has another version, or is cut or changed. The
            message has the reason and no content.
    """
    header = _read_header(source)
    salt = source.read(SALT_BYTES)
    if len(salt) < SALT_BYTES:
        raise ValueError("is cut in its header")
    ciphers = [_cipher(key, salt, header) for key in keys]
    number = 0
    while True:
        frame = _read_frame(source, number)
        cipher, record = _decrypt(ciphers, frame, number)
        ciphers = [cipher]
        if record is None:
            break
        yield record
        number += 1
    if source.read(1):
        raise ValueError("has data after its end")


def _read_header(source: BinaryIO) -> bytes:
    line = source.readline(_MAX_HEADER_BYTES)
    match = _HEADER.fullmatch(line)
    if not match:
        raise ValueError("is no archive of factors")
    if int(match[1]) != VERSION:
        raise ValueError(
            f"has version {int(match[1])}, and this release reads version {VERSION}"
        )
    return line


def _read_frame(source: BinaryIO, number: int) -> bytes:
    prefix = source.read(_LENGTH_BYTES)
    length = int.from_bytes(prefix, "big")
    if len(prefix) == _LENGTH_BYTES and not (
        _TAG_BYTES <= length <= MAX_RECORD_BYTES + _TAG_BYTES
    ):
        raise ValueError(f"is damaged at record {number + 1}")
    frame = source.read(length)
    if len(prefix) < _LENGTH_BYTES or len(frame) < length:
        raise ValueError(f"is cut at record {number + 1}")
    return frame


def _decrypt(
    ciphers: Iterable[ChaCha20Poly1305], frame: bytes, number: int
) -> tuple[ChaCha20Poly1305, bytes | None]:
    """Return the cipher of a frame and its record; None is the end of the archive."""
    kind = _LAST if len(frame) == _TAG_BYTES else _MORE
    for cipher in ciphers:
        try:
            record = cipher.decrypt(_nonce(number, kind), frame, None)
        except InvalidTag:
            continue
        return cipher, None if kind == _LAST else record
    if number == 0:
        raise OtherKey("was made with another factor key, or is damaged at record 1")
    raise ValueError(f"is damaged at record {number + 1}")


def _write_frame(output: BinaryIO, frame: bytes) -> None:
    output.write(len(frame).to_bytes(_LENGTH_BYTES, "big") + frame)


def _nonce(number: int, kind: bytes) -> bytes:
    return number.to_bytes(_COUNTER_BYTES, "big") + kind


def _cipher(key: bytes, salt: bytes, header: bytes) -> ChaCha20Poly1305:
    hkdf = HKDF(SHA256(), _KEY_BYTES, salt=salt, info=header)
    return ChaCha20Poly1305(hkdf.derive(key))
