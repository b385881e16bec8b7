from __future__ import annotations

from otp_engine import config
from otp_engine.store import lua_scripts
from otp_engine.store.redis_store import build_store


def test_store_reads_no_script_after_all_are_loaded():
    lua_scripts.load_all()
    before = lua_scripts.load.cache_info()

    build_store(config.load({"OTP_DEV": "1"}))

    after = lua_scripts.load.cache_info()
    assert after.hits > before.hits
    assert after.misses == before.misses
