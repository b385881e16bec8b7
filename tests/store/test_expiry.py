"""The expiry of every key, after each Redis command of a run of every feature."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Self

import pytest

from otp_engine.store import keys, lua_scripts
from otp_engine.store.redis_store import RedisStore
from tests.support import full_run

CONFIGURATION = {keys.POLICY_VERSIONS, keys.SERVICES, keys.SAFE_LIST}
# Factors must not be lost: the data key, the index of a service, and the entities.
FACTORS = re.compile(
    r"otp:\{factors\}:(data_key|data_key_fingerprint|entities:VA.*)|otp:\{.*\}:entity"
)


@dataclass
class InspectedRedis:
    """A Redis client that inspects every key after each command.

    A lost connection can interrupt a pipeline without a transaction after any command,
    so each of its commands counts as a step.

    Attributes:
        client: The Redis client.
        without_expiry: The command that left each key without an expiry.
        ran_scripts: The scripts, by text or by digest.
    """

    client: Any
    without_expiry: dict[str, str] = field(default_factory=dict)
    ran_scripts: set[str] = field(default_factory=set)

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.client, name)
        if not callable(attribute):
            return attribute

        def step(*args: Any, **options: Any) -> Any:
            if name in {"eval", "evalsha"}:
                self.ran_scripts.add(args[0])
            reply = attribute(*args, **options)
            self.record_keys_without_expiry(name)
            return reply

        return step

    def pipeline(self, *, transaction: bool) -> InspectedPipeline:
        return InspectedPipeline(self, transaction)

    def record_keys_without_expiry(self, name: str) -> None:
        for key in self.client.keys("*"):
            if self.client.pttl(key) == -1:
                self.without_expiry.setdefault(key.decode(), name)


@dataclass
class InspectedPipeline:
    """A pipeline that runs its commands one by one, or as one step."""

    inspected: InspectedRedis
    transaction: bool
    commands: list[tuple[str, Any, Any]] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.commands.clear()

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **options: self.commands.append((name, args, options))

    def execute(self) -> list[Any]:
        if not self.transaction:
            return [
                getattr(self.inspected, name)(*args, **options)
                for name, args, options in self.commands
            ]
        with self.inspected.client.pipeline(transaction=True) as pipeline:
            for name, args, options in self.commands:
                getattr(pipeline, name)(*args, **options)
            replies: list[Any] = pipeline.execute()
        self.inspected.record_keys_without_expiry(
            " ".join(name for name, *_ in self.commands)
        )
        return replies


@pytest.fixture
def inspected(redis):
    return InspectedRedis(redis)


@pytest.fixture
def store(inspected):
    return RedisStore(inspected)


def test_every_key_has_an_expiry_after_every_step_of_a_full_run(store, inspected):
    full_run.use_every_feature(store, inspected.client)

    without_expiry = inspected.without_expiry.keys()
    factors = {key for key in without_expiry if FACTORS.fullmatch(key)}
    assert without_expiry - factors == CONFIGURATION
    assert factors
    assert [
        name for name, text in every_script() if not text & inspected.ran_scripts
    ] == []


def every_script():
    """Yield the name of each script, with the texts and digests that can run it."""
    folder = resources.files("otp_engine.store") / "lua"
    for file in sorted(p.name for p in folder.iterdir() if p.is_file()):
        name = file.removesuffix(".lua")
        source = lua_scripts.load(name)
        texts = {source, lua_scripts.ALLOW_OOM_FLAG + source}
        yield name, texts | set(map(digest, texts))


def digest(text):
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
