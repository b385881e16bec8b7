"""Lua scripts: run by digest, and by text where Redis does not have them yet."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from functools import cache, partial
from importlib import resources
from typing import Any

from redis.exceptions import NoScriptError, ResponseError

from otp_engine.errors import StoreUnavailable
from otp_engine.store.connection import Argument, RedisCommands
from otp_engine.store.redis_client import RedisClient

log = logging.getLogger(__name__)

_FOLDER = resources.files("otp_engine.store") / "lua"
_SUFFIX = ".lua"
_SHARED_LIBRARY = ("lib/packed_log", "lib/sliding_window_log", "lib/verification")
_LIBRARIES = {
    "acquire_hits": ("lib/shared_limits",),
    "acquire_destination": ("lib/shared_limits", "lib/budget", "lib/pumping_guard"),
    "release_destination": ("lib/budget", "lib/pumping_guard"),
    "credit_approval": ("lib/pumping_guard",),
    "list_places": ("lib/pumping_guard",),
    "suspend_place": ("lib/pumping_guard",),
    "track_delivery": ("lib/deliveries",),
    "record_delivery_status": ("lib/deliveries",),
    "mark_fallback": ("lib/deliveries",),
    "read_fallback": ("lib/deliveries",),
    "schedule_fallback": ("lib/fallbacks",),
    "claim_fallbacks": ("lib/fallbacks",),
    "put_factor": ("lib/entity",),
    "delete_factor": ("lib/entity",),
    "replace_factor_record": ("lib/entity",),
    "reserve_factor_check": ("lib/entity",),
    "accept_factor_step": ("lib/entity",),
    "reserve_recovery_check": ("lib/entity",),
    "release_recovery_check": ("lib/entity",),
    "use_recovery_code": ("lib/entity",),
    "create_challenge": ("lib/entity", "lib/challenge"),
    "read_challenges": ("lib/challenge",),
    "reserve_challenge_check": ("lib/challenge",),
    "approve_challenge": ("lib/challenge",),
    "merge_entity": ("lib/entity",),
}
"""Libraries that only some scripts use: a script cannot have any number of locals."""
_WAIT_TIMEOUT = 100  # milliseconds
ALLOW_OOM_FLAG = "#!lua flags=allow-oom\n"
"""First line of a script that Redis 7 runs even when its memory is full."""
_FLAG_UNKNOWN = "near '#'"


@cache
def load(name: str) -> str:
    """Return the text of a script, with its libraries prepended."""
    parts = (*_SHARED_LIBRARY, *_LIBRARIES.get(name, ()), name)
    return "\n".join((_FOLDER / f"{part}{_SUFFIX}").read_text() for part in parts)


def load_all() -> None:
    """Load every script, so that later forks of this process share the texts."""
    for file in _FOLDER.iterdir():
        if file.name.endswith(_SUFFIX):
            load(file.name.removesuffix(_SUFFIX))


class LuaScript:
    """One file of `lua/`."""

    def __init__(
        self,
        client: RedisClient,
        name: str,
        *,
        replicas: int = 0,
        when_full: bool = False,
    ) -> None:
        """Load a script.

        Args:
            client: Executes the script.
            name: File name without the suffix.
            replicas: Number of replicas that must acknowledge the writes.
            when_full: Whether the script may write when Redis has no memory left.
        """
        self._client = client
        self._replicas = replicas
        self._text = load(name)
        self._flag = ALLOW_OOM_FLAG if when_full else ""

    def run(self, keys: Sequence[str], *args: Argument) -> Any:  # noqa: ANN401 - each script's header lists its replies
        """Run the script in one round trip, or in two if Redis does not have it yet.

        Args:
            keys: `KEYS` of the script, all in one slot of a Cluster.
            args: `ARGV` of the script.

        Returns:
            The reply; the script's header lists every one.

        Raises:
            StoreUnavailable: Redis did not reply or could not write, or too few
                replicas have the writes. Those would be lost if the node failed now.
        """
        arguments = (len(keys), *keys, *args)
        if not self._replicas:
            return self._client.execute(partial(self._eval, args=arguments), keys[0])
        reply, acknowledged = self._client.execute(
            partial(self._eval_and_wait, args=arguments), keys[0]
        )
        if acknowledged < self._replicas:
            log.error(
                "redis: %d replicas confirmed a write; OTP_REDIS_WAIT_REPLICAS is %d",
                acknowledged,
                self._replicas,
            )
            # The replicas may follow another primary now; the next request uses it.
            self._client.find_primary()
            raise StoreUnavailable(
                f"has {acknowledged} replicas that confirm a write, and"
                f" OTP_REDIS_WAIT_REPLICAS requires {self._replicas}"
            )
        return reply

    def _eval(self, node: RedisCommands, args: Sequence[Argument]) -> Any:  # noqa: ANN401 - as `run`
        """Run the script by its digest if possible, else by its text."""
        flag = self._flag
        try:
            return node.evalsha(_digest(flag, self._text), *args)
        except NoScriptError:
            # EVAL and not SCRIPT LOAD: EVAL also runs the script.
            return self._eval_text(node, args)
        except ResponseError as error:
            self._drop_flag(flag, error)
            return self._eval_text(node, args)

    def _eval_text(self, node: RedisCommands, args: Sequence[Argument]) -> Any:  # noqa: ANN401 - as `run`
        flag = self._flag
        try:
            return node.eval(flag + self._text, *args)
        except ResponseError as error:
            self._drop_flag(flag, error)
            return self._eval_text(node, args)

    def _eval_and_wait(
        self, node: RedisCommands, args: Sequence[Argument]
    ) -> tuple[Any, int]:
        """Run the script as `_eval`, and wait for the replicas.

        Returns:
            The reply, and the number of replicas that acknowledged the writes.
        """
        flag, text = self._flag, self._text
        digest = _digest(flag, text)
        reply, acknowledged = self._and_wait(node, "EVALSHA", digest, *args)
        if isinstance(reply, NoScriptError):
            reply, acknowledged = self._and_wait(node, "EVAL", flag + text, *args)
        if isinstance(reply, ResponseError):
            self._drop_flag(flag, reply)
            return self._eval_and_wait(node, args)
        if isinstance(acknowledged, ResponseError):
            raise acknowledged
        return reply, acknowledged

    def _and_wait(self, node: RedisCommands, *command: Argument) -> list[Any]:
        """Return the replies to *command* and `WAIT`, errors included.

        `WAIT` covers the writes of its own connection.
        """
        with node.pipeline(transaction=False) as pipeline:
            pipeline.execute_command(*command)
            pipeline.execute_command("WAIT", self._replicas, _WAIT_TIMEOUT)
            return pipeline.execute(raise_on_error=False)

    def _drop_flag(self, flag: str, error: ResponseError) -> None:
        """Continue without the flag, which Redis 6 and the embedded Redis do not know.

        Args:
            flag: The flag of the text that Redis rejected; empty without one.
            error: Its reply.

        Raises:
            ResponseError: The error has another reason.
        """
        if not flag or _FLAG_UNKNOWN not in str(error):
            raise error
        self._flag = ""


@cache
def _digest(flag: str, text: str) -> str:
    # Redis names scripts by their SHA-1; no security depends on it.
    source = (flag + text).encode()
    return hashlib.sha1(source, usedforsecurity=False).hexdigest()
