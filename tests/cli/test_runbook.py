"""The commands of the runbook in `docs/operations.md`, run as an operator runs them."""

from __future__ import annotations

import re
import shlex
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.command_line import run

OPERATIONS = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
SECTIONS = ("## SMS pumping\n", "## Alerts\n")
# A screen without an end; what needs a provider or data, or deletes data after a
# question; and names without arguments.
NOT_RUN = {
    ("top",),
    ("doctor",),
    ("factors", "reset"),
    ("forget",),
    ("calibrate",),
    ("policy", "set"),
}


def commands() -> list[tuple[str, ...]]:
    """Return each complete command line of the sections, without the program."""
    found = []
    for section in SECTIONS:
        text = OPERATIONS.split(f"\n{section}", 1)[1].split("\n## ", 1)[0]
        for line in re.findall(r"`otp-engine ([^`\n]+)`|\$ otp-engine (.+)", text):
            words = tuple(shlex.split(line[0] or line[1]))
            # Capitals and dots stand for a value.
            if not {"N", "...", "PREFIX", "IDENTITY"} & set(words):
                found.append(words)
    return list(dict.fromkeys(found))


def test_runbook_has_the_commands_of_every_step():
    first_words = {words[0] for words in commands()}

    assert {"top", "events", "policy"} <= first_words
    assert len(commands()) > 15


@pytest.mark.parametrize(
    "words", [words for words in commands() if words not in NOT_RUN], ids=" ".join
)
def test_command_of_the_runbook_succeeds(environ, sent, words):
    environ["OTP_ALLOWED_COUNTRIES"] = "IN,SN"
    # `policy try` needs a send, and some of them undo a change.
    sent("+221771234501", timedelta(minutes=1))
    run("policy", "set", "sending", "off", **environ)

    result = run(*words, stdin="+919445012345\n", **environ)

    assert result.exit_code == 0, result.stderr
