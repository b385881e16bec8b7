"""`otp-engine factors export` and `import`, between real Redis servers."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
from dataclasses import replace

import pytest
import redis

from otp_engine.store.keys import DATA_KEY
from tests.support import redis_server, server_process, terminal, topologies
from tests.support.command_line import run
from tests.support.deployments import IDENTITY, deployment
from tests.support.redis_dump import everything_in

CODES = [f"{number:010}" for number in range(10)]
KEY, OTHER_KEY = bytes(range(50, 82)), bytes(range(100, 132))
SECOND = "second-identity-2"


@pytest.fixture
def here(redis_url, real_redis):
    return deployment(redis_url, real_redis, KEY)


@pytest.fixture
def other_redis(tmp_path):
    folder = tmp_path / "redis"
    folder.mkdir()
    with (
        redis_server.redis_on_a_port(folder) as port,
        redis.Redis(port=port) as client,
    ):
        yield f"redis://127.0.0.1:{port}", client


@pytest.fixture
def there(other_redis):
    """Another deployment, with a factor key of its own and that of the first one."""
    url, client = other_redis
    return deployment(url, client, OTHER_KEY, KEY)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "factors.otp"


def export(deployed, file):
    result = run("factors", "export", str(file), **deployed.environ)
    assert result.exit_code == 0, result.stderr
    return result


def import_into(deployed, file, *options):
    return run("factors", "import", str(file), *options, **deployed.environ)


def contents(client):
    return {
        key: client.hgetall(key) if client.type(key) == b"hash" else None
        for key in client.keys("otp:{*}:entity*")
    }


def test_lost_redis_gets_back_exactly_what_was_exported(here, file, real_redis):
    here.activate(codes=CODES)
    here.enroll(SECOND)
    before = contents(real_redis)
    export(here, file)
    real_redis.flushall()

    result = import_into(here, file)

    assert "2 created, 0 updated, 0 kept, 0 with another" in result.stderr
    assert contents(real_redis) == before
    assert [e.identity for e in here.factors.list_entities(here.service)] == [
        SECOND,
        IDENTITY,
    ]


def test_import_restores_the_data_key_that_redis_lost(here, file, real_redis):
    new = here.activate(codes=CODES)
    export(here, file)
    real_redis.delete(DATA_KEY)

    result = import_into(here, file)

    assert "0 created, 0 updated, 1 kept" in result.stderr
    assert here.check(here.code(new)).approved


def test_import_with_another_data_key_than_the_lost_one_changes_nothing(
    here, there, file
):
    here.activate()
    export(here, file)
    there.activate(SECOND)
    before = contents(there.redis)
    there.redis.delete(DATA_KEY)

    result = import_into(there, file)

    assert result.exit_code == 1
    assert "another data key than this Redis had" in result.stderr
    assert contents(there.redis) == before


def test_used_code_stays_used_after_an_import(here, file, real_redis):
    new = here.activate()
    code = here.code(new)
    assert here.check(code).approved
    export(here, file)
    real_redis.flushall()

    import_into(here, file)

    assert not here.check(code).approved
    assert here.check(here.code(new, steps=1)).approved


def test_code_that_was_used_after_the_export_stays_used(here, file):
    new = here.activate()
    export(here, file)
    code = here.code(new)
    assert here.check(code).approved

    result = import_into(here, file)

    assert "0 created, 0 updated, 1 kept" in result.stderr
    assert not here.check(code).approved


def test_factor_that_was_deleted_after_the_export_stays_deleted(here, file):
    here.activate()
    kept = here.enroll()
    export(here, file)
    here.factors.delete_factor(here.service, IDENTITY, kept.factor.sid)

    import_into(here, file)

    factors = here.factors.list_factors(here.service, IDENTITY)
    assert kept.factor.sid not in [factor.sid for factor in factors]


def test_another_deployment_encrypts_factors_with_its_own_data_key(here, there, file):
    there.activate(SECOND)
    new = here.activate(codes=CODES)
    export(here, file)

    result = import_into(there, file)

    assert "1 created" in result.stderr
    assert there.check(there.code(new)).approved
    assert not set(contents(here.redis)) & set(contents(there.redis))
    [factor] = there.factors.list_factors(there.service, IDENTITY)
    assert (factor.friendly_name, factor.recovery_codes_left) == ("Ann's phone", 10)
    there.use_recovery_code(CODES[0])
    assert there.recovery_codes_left == 9


def test_empty_deployment_gets_the_data_key(here, there, file):
    new = here.activate(codes=CODES)
    export(here, file)

    result = import_into(there, file)

    assert "1 created" in result.stderr
    [factor] = there.factors.list_factors(there.service, IDENTITY)
    assert factor.recovery_codes_left == 10
    without_previous = {"OTP_FACTOR_KEY_PREVIOUS": ""}
    alone = replace(there, environ=there.environ | without_previous)
    assert alone.check(alone.code(new)).approved


def test_import_into_a_cluster_spreads_the_entities(here, tmp_path, file):
    for number in range(20):
        here.enroll(f"identity-{number}")
    export(here, file)

    with topologies.cluster(tmp_path) as cluster:
        environ = here.environ | {"REDIS_URL": cluster.url}
        result = run("factors", "import", str(file), **environ)
        listed = run("factors", "list", **environ).stdout
        sizes = [topologies.command(node, "DBSIZE") for node in cluster.primaries]

    assert "20 created" in result.stderr
    assert listed.splitlines()[1].split()[1:] == ["20", "0", "20"]
    assert len([size for size in sizes if size]) > 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"not an archive at all",
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: data + b"x",
        lambda data: data[:-30] + bytes([data[-30] ^ 1]) + data[-29:],
        lambda data: data.replace(b"factors 1", b"factors 2", 1),
    ],
    ids=["empty", "foreign", "cut", "half", "longer", "changed", "version"],
)
def test_damaged_file_is_refused_before_anything_is_written(
    here, file, real_redis, damage
):
    for number in range(5):
        here.enroll(f"identity-{number}")
    export(here, file)
    file.write_bytes(damage(file.read_bytes()))
    real_redis.flushall()

    result = import_into(here, file)

    assert result.exit_code == 1
    assert "✗ nothing was imported: the file " in result.stderr
    assert real_redis.keys("otp:{*}:entity*") == []
    assert real_redis.keys("otp:{factors}*") == []


def test_file_of_another_factor_key_is_refused(here, other_redis, file):
    here.activate()
    export(here, file)
    url, client = other_redis

    result = import_into(deployment(url, client, OTHER_KEY), file)

    assert result.exit_code == 1
    assert "was made with another factor key" in result.stderr
    assert "as OTP_FACTOR_KEY_PREVIOUS for this command" in result.stderr
    assert client.keys("*entit*") == []


def test_factors_of_an_unknown_service_are_refused_or_stored_in_another(
    here, other_redis, file
):
    sid = "VA" + "7" * 32
    source = replace(here, environ=here.environ | {"OTP_SERVICE_SID": sid})
    new = source.activate()
    export(source, file)
    url, client = other_redis
    target = deployment(url, client, KEY)

    refused = import_into(target, file)
    stored = import_into(target, file, "--service", f"{sid}={target.service.sid}")

    assert refused.exit_code == 1
    assert f"factors of the service {sid}, which does not exist" in refused.stderr
    assert "1 created" in stored.stderr
    assert target.check(target.code(new)).approved


@pytest.mark.parametrize(
    ("from_own", "message"),
    [
        (True, "there is no service VA77777777777777777777777777777777 here"),
        (False, "has no factors of the service VA77777777777777777777777777777777"),
    ],
)
def test_service_option_with_an_unknown_service_imports_nothing(
    here, other_redis, file, from_own, message
):
    here.activate()
    export(here, file)
    pair = [here.service.sid, "VA" + "7" * 32]
    url, client = other_redis

    result = import_into(
        deployment(url, client, KEY),
        file,
        *("--service", "=".join(pair if from_own else reversed(pair))),
    )

    assert result.exit_code == 1
    assert message in result.stderr
    assert client.keys("*entit*") == []


def test_export_is_readable_by_its_owner_only_whatever_the_umask(here, file):
    here.activate()
    before = os.umask(0)
    try:
        export(here, file)
    finally:
        os.umask(before)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.glob(".factors*")) == []


def test_export_contains_neither_secret_nor_identity(here, file):
    new = here.activate()
    result = export(here, file)

    written = file.read_bytes() + result.output.encode() + result.stderr.encode()
    for text in (new.secret, IDENTITY, "Ann's phone", here.service.sid):
        assert text.encode() not in written
        assert base64.b64encode(text.encode()) not in written


def test_failed_export_keeps_the_file_before(here, file, tmp_path):
    file.write_bytes(b"earlier export")
    away = {"REDIS_URL": f"redis://127.0.0.1:{redis_server.free_port()}"}

    result = run("factors", "export", str(file), **here.environ | away)

    assert result.exit_code == 1
    assert file.read_bytes() == b"earlier export"
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_damaged_entity_is_reported_and_left_out(here, file, real_redis):
    here.activate()
    here.enroll(SECOND)
    [damaged, _] = sorted(real_redis.keys("otp:{*}:entity"))
    real_redis.hset(damaged, "record", b"damaged")

    result = run("factors", "export", str(file), **here.environ)

    assert result.exit_code == 1
    assert "✓ 1 entities with 1 factors are exported" in result.stderr
    assert "✗ 1 entities are damaged in Redis" in result.stderr
    assert import_into(here, file).exit_code == 0


@pytest.mark.parametrize("command", ["export", "import"])
def test_terminal_is_neither_output_nor_input(here, command):
    here.activate()

    result = terminal.run("factors", command, "-", **here.environ)

    assert result.exit_code == 1
    assert "an export is not text" in result.output


def test_export_through_a_pipe_is_imported_from_a_pipe(here, real_redis):
    here.activate()
    program = server_process.PROGRAM
    environ = server_process.PATH | here.environ
    exported = subprocess.run(
        [*program, "factors", "export", "-"],
        env=environ,
        capture_output=True,
        check=True,
    )
    real_redis.flushall()

    imported = subprocess.run(
        [*program, "factors", "import", "-"],
        env=environ,
        input=exported.stdout,
        capture_output=True,
        check=True,
    )

    assert b"1 created" in imported.stderr


@pytest.mark.parametrize("value", ["VA1=VA2", "x", f"VA{'1' * 32}"])
def test_service_option_that_is_no_pair_is_a_usage_error(here, file, value):
    file.write_bytes(b"")

    result = import_into(here, file, "--service", value)

    assert result.exit_code == 2
    assert "two SIDs of services" in result.stderr


@pytest.mark.parametrize("command", ["export", "import"])
def test_command_without_a_factor_key_fails(environ, file, command):
    file.write_bytes(b"")

    result = run("factors", command, str(file), **environ)

    assert result.exit_code == 1
    assert "OTP_FACTOR_KEY is not set" in result.stderr


def test_export_before_the_first_factor_writes_no_file(here, file):
    result = run("factors", "export", str(file), **here.environ)

    assert result.exit_code == 1
    assert "there are no factors" in result.stderr
    assert not file.exists()


def test_stolen_dump_with_an_imported_factor_contains_no_secret(here, file, real_redis):
    new = here.activate()
    export(here, file)
    real_redis.flushall()
    import_into(here, file)

    dump = everything_in(real_redis)

    for text in (new.secret, IDENTITY, "Ann's phone"):
        assert text.encode() not in dump
    assert base64.b32decode(new.secret + "=" * (-len(new.secret) % 8)) not in dump
