"""Probes of Redis: what a send needs, and the words for what is missing."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import timedelta
from importlib import resources
from pathlib import Path

import pytest
import redis as redis_py

from otp_engine.errors import StoreUnavailable
from otp_engine.store import probe
from otp_engine.store.connection import RedisCommands, connect
from otp_engine.store.redis_store import RedisStore
from tests.conftest import TIMEOUT
from tests.support import (
    certificates,
    command_line,
    full_run,
    redis_server,
    topologies,
)
from tests.support.server_process import production

LUA = resources.files("otp_engine.store") / "lua"
CALL = re.compile(r"redis\.call\(\s*'([A-Z]+)'")
# Tested by running them: the script itself, and what only doctor and replicas need.
OTHER_METHODS = {"config_get", "eval", "evalsha", "info", "ping", "pipeline"}
# Names of methods of redis-py that are not names of commands.
COMMAND_OF_METHOD = {"delete": "del"}

OPERATOR_COMMANDS = (
    "doctor",
    "policy show",
    "policy set ttl 5m",
    "policy history",
    "policy rollback 1",
    "policy unset ttl",
    "events",
    "inspect 9445012345",
    "forget 9445012345",
)


def names_of(commands):
    return {command.split()[0] for command in commands}


def commands_in_scripts():
    paths = [*LUA.iterdir(), *(LUA / "lib").iterdir()]
    texts = [path.read_text() for path in paths if path.is_file()]
    return {name for text in texts for name in CALL.findall(text)} - {"SET"}


def commands_of_methods():
    methods = set(RedisCommands.__annotations__) - OTHER_METHODS - {"set"}
    return {COMMAND_OF_METHOD.get(name, name).upper() for name in methods}


def reason_of(url, check=RedisStore.check_permissions, *, timeout=TIMEOUT, **options):
    store = RedisStore(connect(url, timeout), **options)
    with pytest.raises(StoreUnavailable) as raised:
        check(store)
    return raised.value.reason


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("redis")
    with (
        redis_server.redis_on_a_port(folder) as port,
        redis_py.Redis(port=port) as admin,
    ):
        yield port, admin


@pytest.fixture
def user(server):
    """Return a function that creates a user by its rules, and returns its URL."""
    port, admin = server

    def create(*rules):
        admin.execute_command("ACL", "SETUSER", "otp", "reset", "on", ">pw", *rules)
        return f"redis://otp:pw@127.0.0.1:{port}"

    yield create
    admin.acl_deluser("otp")
    admin.flushall()


def test_probe_runs_every_command_of_the_scripts_and_of_the_store():
    used = commands_in_scripts() | commands_of_methods()

    assert used <= names_of(probe.SEND_AND_CHECK + probe.OTHERS) | {"XADD", "XTRIM"}
    assert len(used) > 30


@pytest.mark.parametrize("check", [RedisStore.ping, RedisStore.check_permissions])
def test_probe_of_a_healthy_redis_leaves_no_key(store, redis, check):
    check(store)

    assert redis.keys("*") == []


@pytest.mark.parametrize("name", sorted(names_of(probe.SEND_AND_CHECK) | {"SET"}))
def test_denied_command_of_a_send_is_named(user, name):
    url = user("~otp:*", "+@all", f"-{name}")

    assert reason_of(url, RedisStore.ping) == f"does not permit the user {name}"
    assert reason_of(url) == f"does not permit the user {name}"


@pytest.mark.parametrize("name", sorted(names_of(probe.OTHERS)))
def test_denied_command_of_operators_leaves_sends_ready_and_is_named(user, name):
    url = user("~otp:*", "+@all", f"-{name}")

    RedisStore(connect(url, TIMEOUT)).ping()
    assert reason_of(url) == f"does not permit the user {name}"


@pytest.mark.parametrize("name", ["EVALSHA", "EVAL", "MULTI", "EXEC"])
def test_denied_command_around_the_scripts_is_named(user, server, name):
    server[1].script_flush()
    url = user("~otp:*", "+@all", f"-{name}")

    assert reason_of(url) == f"does not permit the user {name}"


def test_denied_eval_is_named_while_redis_has_the_script(user, server):
    port, _ = server
    RedisStore(connect(f"redis://127.0.0.1:{port}", TIMEOUT)).check_permissions()

    assert reason_of(user("~otp:*", "+@all", "-eval")) == (
        "does not permit the user EVAL"
    )


@pytest.mark.parametrize("name", ["SET", "TIME", "XADD", "HGETALL", "EVAL", "EVALSHA"])
def test_renamed_command_is_named(tmp_path, name):
    options = ("--rename-command", name, "")

    with redis_server.redis_on_a_port(tmp_path, *options) as port:
        reason = reason_of(f"redis://127.0.0.1:{port}")

    assert reason.startswith(f"does not know {name}: it is older than 6.2")
    assert reason.endswith("or renames commands")


@pytest.mark.parametrize("name", ["SET", "TIME", "HGETALL"])
def test_redis_that_renames_a_command_of_a_send_is_not_ready(tmp_path, name):
    options = ("--rename-command", name, "")

    with redis_server.redis_on_a_port(tmp_path, *options) as port:
        reason = reason_of(f"redis://127.0.0.1:{port}", RedisStore.ping)

    assert reason.startswith(f"does not know {name}")


def test_redis_without_room_for_a_connection_is_named(tmp_path):
    with (
        redis_server.redis_on_a_port(tmp_path) as port,
        redis_py.Redis(port=port) as admin,
    ):
        admin.config_set("maxclients", 1)
        admin.ping()

        reason = reason_of(f"redis://127.0.0.1:{port}")

    assert "maxclients" in reason


def test_every_denied_command_is_named(user):
    url = user("~otp:*", "+@all", "-time", "-zadd", "-xadd")

    assert reason_of(url) == "does not permit the user XADD, TIME, ZADD"


@pytest.mark.parametrize("keys", ["~other:*", "~otp:{shared}*", "%R~otp:*"])
def test_denied_keys_are_named(user, keys):
    reason = reason_of(user(keys, "+@all"))

    assert reason == "does not permit the user the keys otp:*"


def test_denied_delete_leaves_a_key_that_expires(user, server):
    assert "DEL" in reason_of(user("~otp:*", "+@all", "-del"), RedisStore.ping)

    redis_server.wait_until(lambda: not server[1].keys("*"), seconds=9)


@pytest.mark.parametrize(
    ("options", "url", "reason"),
    [
        ((), "redis://127.0.0.1:{port}/99", "has no database 99"),
        (
            ("--requirepass", "s3cr3t"),
            "redis://:wrong@127.0.0.1:{port}",
            "refuses the password, or the user name",
        ),
        (
            ("--requirepass", "s3cr3t"),
            "redis://127.0.0.1:{port}",
            "requires a password",
        ),
        (
            (),
            "redis://:pw@127.0.0.1:{port}",
            "has no password, and REDIS_URL has one",
        ),
        (
            ("--maxmemory", "1"),
            "redis://127.0.0.1:{port}",
            "has no memory left for writes: raise its maxmemory",
        ),
        (
            ("--min-replicas-to-write", "1"),
            "redis://127.0.0.1:{port}",
            "accepts no writes, because too few replicas are connected",
        ),
        (
            ("--cluster-enabled", "yes"),
            "redis+cluster://127.0.0.1:{port}",
            "is a Cluster that does not serve this part of the keys",
        ),
        (
            ("--cluster-enabled", "yes"),
            "redis://127.0.0.1:{port}",
            "is a Cluster that does not serve this part of the keys",
        ),
        (
            (),
            "redis+cluster://127.0.0.1:{port}",
            "is no Cluster: REDIS_URL needs redis://",
        ),
        (
            (),
            "redis+sentinel://127.0.0.1:{port}/otp",
            "is no Sentinel",
        ),
    ],
)
@pytest.mark.parametrize("check", [RedisStore.ping, RedisStore.check_permissions])
def test_redis_that_cannot_serve_is_described(tmp_path, options, url, reason, check):
    with redis_server.redis_on_a_port(tmp_path, *options) as port:
        found = reason_of(url.format(port=port), check)

    assert found.startswith(reason)


@pytest.mark.parametrize("check", [RedisStore.ping, RedisStore.check_permissions])
def test_redis_without_tls_does_not_answer_a_tls_client(tmp_path, check):
    with redis_server.redis_on_a_port(tmp_path) as port:
        # Redis waits for the rest of what it takes for a command.
        reason = reason_of(
            f"rediss://127.0.0.1:{port}", check, timeout=timedelta(milliseconds=500)
        )

    assert reason == "does not answer in time"


def test_read_only_replica_is_described(tmp_path):
    with topologies.replicated(tmp_path, replicas=1) as (_, (replica,)):
        assert reason_of(replica.url, RedisStore.ping) == "is a read-only replica"


def test_loading_redis_is_described(tmp_path):
    with (
        redis_server.redis_on_a_port(tmp_path) as port,
        redis_py.Redis(port=port) as admin,
    ):
        admin.mset({f"key {n}": os.urandom(2048) for n in range(1000)})
        admin.save()
    # A tenth of a second for each key; Redis replies after each KiB.
    slowly = (
        *("--key-load-delay", "100000"),
        *("--loading-process-events-interval-bytes", "1024"),
    )
    listen = ("--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path))
    program = redis_server.redis_program()
    with subprocess.Popen(
        [program, *listen, *slowly], stdout=subprocess.DEVNULL
    ) as server:
        try:
            redis_server.wait_until(lambda: redis_server.listens(port))
            url = f"redis://127.0.0.1:{port}"
            redis_server.wait_until(lambda: "loading" in reason_of(url))
        finally:
            server.kill()


def test_missing_replica_is_described(server):
    url = f"redis://127.0.0.1:{server[0]}"

    reason = reason_of(url, RedisStore.ping, replicas=1)

    assert reason.startswith("has 0 replicas that confirm a write")


def test_full_disk_is_described(tmp_path):
    options = ("--enable-protected-configs", "yes")
    with (
        redis_server.redis_on_a_port(tmp_path, *options) as port,
        redis_py.Redis(port=port) as admin,
    ):
        # A snapshot fails in this folder, as it does on a full disk.
        admin.config_set("dir", "/proc")
        admin.config_set("save", "1 1")
        admin.set("key", "value")
        redis_server.wait_until(lambda: is_misconfigured(admin))
        reason = reason_of(f"redis://127.0.0.1:{port}", RedisStore.ping)

    assert reason == "accepts no writes, because it cannot store data on its disk"


def is_misconfigured(admin):
    return admin.info("persistence")["rdb_last_bgsave_status"] == "err"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("redis://127.0.0.1:{port}", "does not answer: connection refused"),
        ("unix:///nonexistent/redis.sock", "does not answer: No such file"),
        ("redis://otp.invalid", "does not answer: its host name is not known"),
        ("redis+sentinel://127.0.0.1:{port}/otp", "is not found: its Sentinels do not"),
        ("redis+cluster://127.0.0.1:{port}", "does not answer: connection refused"),
    ],
)
def test_absent_redis_is_described(url, reason):
    found = reason_of(url.format(port=redis_server.free_port()), RedisStore.ping)

    assert found.startswith(reason)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "require a sentinel_password, or refuse it"),
        ("?sentinel_password=wrong", "require a sentinel_password, or refuse it"),
        ("?sentinel_password=s3ntinel", "know no service of this name"),
    ],
)
def test_sentinel_without_an_answer_is_described(tmp_path, query, reason):
    settings = tmp_path / "sentinel.conf"
    settings.write_text("requirepass s3ntinel\n")
    with redis_server.sentinel_on_a_port(settings) as port:
        found = reason_of(f"redis+sentinel://127.0.0.1:{port}/otp{query}")

    assert found == f"is not found: its Sentinels {reason}"


def test_readiness_is_one_command(server):
    port, admin = server
    store = RedisStore(connect(f"redis://127.0.0.1:{port}", TIMEOUT))
    store.ping()
    admin.config_resetstat()

    store.ping()

    # Commands of a script count as well.
    counts = admin.info("commandstats")
    assert counts["cmdstat_evalsha"]["calls"] == 1
    assert not {"cmdstat_eval", "cmdstat_ping"} & counts.keys()


def test_certificate_that_is_not_trusted_is_described(tmp_path):
    ours = certificates.authority(tmp_path, "ours")
    options = ours.server_options()
    with redis_server.redis_with_tls(tmp_path, ours.path, *options) as port:
        reason = reason_of(f"rediss://127.0.0.1:{port}", RedisStore.ping)
        plain = reason_of(f"redis://127.0.0.1:{port}", RedisStore.ping)

    assert reason.startswith("has a certificate that is not trusted: ")
    assert plain == "closed the connection: if it requires TLS, REDIS_URL needs rediss"


def documented_rules():
    text = (Path(__file__).parents[2] / "docs" / "deployment.md").read_text()
    line = re.search(r"^ACL SETUSER otp on >PASSWORD (.*)$", text, re.MULTILINE)
    assert line
    return line[1].split()


def test_documented_permissions_are_enough_for_every_feature(user, server):
    admin = server[1]
    url = f"{user(*documented_rules())}/1"
    store = RedisStore(connect(url, TIMEOUT), retry_client=connect(url, TIMEOUT))
    admin.execute_command("ACL", "LOG", "RESET")

    with redis_py.Redis.from_url(f"redis://127.0.0.1:{server[0]}/1") as other:
        full_run.use_every_feature(store, other)
        store.persistence_warnings()

    assert admin.acl_log() == []


def test_documented_permissions_are_enough_for_every_operator_command(user, server):
    admin = server[1]
    environ = production(user(*documented_rules()), "http://127.0.0.1")
    admin.execute_command("ACL", "LOG", "RESET")

    for arguments in OPERATOR_COMMANDS:
        result = command_line.run(*arguments.split(), **environ)
        assert "permit" not in result.stderr

    assert admin.acl_log() == []


def test_documented_permissions_are_all_needed():
    names = {name.upper() for name in names_of(probe.SEND_AND_CHECK + probe.OTHERS)}
    around = {"PING", "SELECT", "EVAL", "EVALSHA", "MULTI", "EXEC", "WAIT", "INFO"}

    rules = {rule.removeprefix("+").upper() for rule in documented_rules()[1:]}

    assert rules == names | around | {"SET"}


def test_documented_permissions_are_enough_with_replicas(tmp_path):
    with topologies.replicated(tmp_path, replicas=1) as (primary, _):
        topologies.command(
            primary, "ACL", "SETUSER", "otp", "on", ">pw", *documented_rules()
        )
        url = f"redis://otp:pw@127.0.0.1:{primary.port}"

        RedisStore(connect(url, TIMEOUT), replicas=1).check_permissions()


def test_documented_permissions_are_enough_for_a_cluster(tmp_path):
    with redis_server.redis_on_a_port(tmp_path, "--cluster-enabled", "yes") as port:
        with redis_py.Redis(port=port) as node:
            redis_server.serve_every_slot(node)
            rules = (*documented_rules(), "+cluster|slots")
            node.execute_command("ACL", "SETUSER", "otp", "on", ">pw", *rules)
        url = f"redis+cluster://otp:pw@127.0.0.1:{port}"

        RedisStore(connect(url, TIMEOUT)).check_permissions()
