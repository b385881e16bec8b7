"""What the commands about the policy work on: the settings and the stores."""

from __future__ import annotations

from otp_engine.cli.common import load_with_redis
from otp_engine.cli.terminal import warn
from otp_engine.domain.policy.policy import Policy
from otp_engine.operations.context import OperatorContext, ReadPolicy


def load() -> OperatorContext:
    """Load the settings and the stores, and print the warnings about the versions.

    Changes that have ended are ended in a version first.
    """
    context = OperatorContext.build(*load_with_redis())
    for warning in context.versions.warnings():
        warn(warning)
    context.end_changes()
    return context


def warned(read: ReadPolicy) -> Policy:
    """Return a policy, after a warning if this release cannot read the live one."""
    if read.problem:
        warn(read.problem)
    return read.policy


def live_policy(context: OperatorContext) -> Policy:
    """Return the live policy; see `warned`."""
    return warned(context.read_policy())
