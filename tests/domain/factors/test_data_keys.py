from __future__ import annotations

import secrets

import pytest

from otp_engine.crypto.factor_keys import FactorKey
from otp_engine.domain.factors.data_keys import DataKeys
from otp_engine.errors import DataKeyLost, FactorsUnreadable, StoreUnavailable
from tests.support.clock import Clock
from tests.support.data_keys import MemoryDataKeyStore

OLD, NEW, OTHER = (FactorKey(bytes([number]) * 32) for number in range(3))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def key_store():
    return MemoryDataKeyStore()


@pytest.fixture
def start(key_store, clock):
    """Return a function that starts a process with these factor keys."""

    def start(*factor_keys):
        return DataKeys(
            key_store, factor_keys, random_bytes=secrets.token_bytes, clock=clock
        )

    return start


def test_there_is_no_data_key_before_the_first_write(start, key_store):
    assert start(OLD).get() is None
    assert key_store.stored is None


def test_first_write_stores_the_data_key_encrypted(start, key_store):
    data_key = start(OLD).get_or_create()

    assert data_key.secret not in key_store.stored
    assert OLD.decrypt_data_key(key_store.stored) == data_key


def test_another_process_reads_the_same_data_key(start):
    first = start(OLD).get_or_create()
    other = start(OLD)

    assert (other.get(), other.get_or_create()) == (first, first)


def test_processes_that_create_it_at_once_use_the_first_one(key_store, clock):
    class Racing(MemoryDataKeyStore):
        def add(self, encrypted, fingerprint):
            # Another process is faster.
            key_store.add(encrypted, fingerprint)
            self.stored = key_store.stored
            return self.stored

    first, second = (
        DataKeys(store, [OLD], random_bytes=secrets.token_bytes, clock=clock)
        for store in (Racing(), Racing())
    )

    assert first.get_or_create() == second.get_or_create()


def test_data_key_is_read_once_a_minute(start, key_store, clock):
    keys = start(OLD)
    keys.get_or_create()
    key_store.reads = 0

    clock.now += 59
    keys.get()
    assert key_store.reads == 0

    clock.now += 2
    keys.get()
    keys.get()
    assert key_store.reads == 1


def test_data_key_that_replicas_may_not_have_is_used_for_no_write(clock):
    class Unreplicated(MemoryDataKeyStore):
        has_replica = False

        def add(self, encrypted, fingerprint):
            stored = super().add(encrypted, fingerprint)
            if not self.has_replica:
                raise StoreUnavailable
            return stored

    store = Unreplicated()
    processes = [
        DataKeys(store, [OLD], random_bytes=secrets.token_bytes, clock=clock)
        for _ in range(2)
    ]
    for keys in [*processes, *processes]:
        with pytest.raises(StoreUnavailable):
            keys.get_or_create()

    store.has_replica = True

    assert len({keys.get_or_create() for keys in processes}) == 1


@pytest.mark.parametrize("factor_keys", [(NEW, OLD), (OLD, NEW), (OLD,)])
def test_every_process_of_a_rotation_reads_the_data_key(start, factor_keys):
    data_key = start(OLD).get_or_create()

    assert start(*factor_keys).get() == data_key


def test_running_process_keeps_the_data_key_that_a_rotation_encrypts_again(
    start, key_store, clock
):
    running = start(NEW, OLD)
    data_key = start(OLD).get_or_create()
    assert running.get() == data_key

    key_store.stored = NEW.encrypt_data_key(data_key)
    clock.now += 61

    assert running.get() == data_key
    assert running.get_or_create() == data_key
    assert start(NEW).get() == data_key


@pytest.mark.parametrize("write", [False, True])
def test_other_factor_key_reads_nothing_and_creates_no_second_data_key(
    start, key_store, write
):
    start(OLD).get_or_create()
    before = key_store.stored
    other = start(OTHER, NEW)

    with pytest.raises(FactorsUnreadable):
        other.get_or_create() if write else other.get()

    assert key_store.stored == before


def test_unreadable_data_key_is_logged_once(start, caplog):
    start(OLD).get_or_create()
    other = start(OTHER)

    for _ in range(3):
        with pytest.raises(FactorsUnreadable):
            other.get()

    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert "OTP_FACTOR_KEY" in record.getMessage()


def test_changed_data_key_is_unreadable(start, key_store):
    start(OLD).get_or_create()
    key_store.stored = key_store.stored[:-1] + bytes([key_store.stored[-1] ^ 1])

    with pytest.raises(FactorsUnreadable):
        start(OLD).get()


def test_data_key_that_redis_lost_is_stored_again_by_the_next_write(
    start, key_store, clock
):
    keys = start(OLD)
    data_key = keys.get_or_create()
    key_store.stored = None
    clock.now += 61

    assert keys.get() == data_key
    assert keys.get_or_create() == data_key
    assert start(OLD).get() == data_key


@pytest.mark.parametrize("write", [False, True])
def test_lost_data_key_without_a_cached_one_is_refused(start, key_store, write):
    start(OLD).get_or_create()
    key_store.stored = None
    other = start(OLD)

    with pytest.raises(DataKeyLost):
        other.get_or_create() if write else other.get()

    assert key_store.stored is None


def test_lost_data_key_is_logged_once(start, key_store, caplog):
    start(OLD).get_or_create()
    key_store.stored = None
    other = start(OLD)

    for _ in range(3):
        with pytest.raises(DataKeyLost):
            other.get()

    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert "Redis has lost the data key" in record.getMessage()


def test_write_uses_the_data_key_of_a_restored_backup(start, key_store):
    keys = start(OLD)
    keys.get_or_create()
    key_store.stored = key_store.fingerprint = None
    restored = start(OLD).get_or_create()

    assert keys.get_or_create() == restored
    assert keys.get() == restored
