"""The commands on terminals, in pipes and in locales, as processes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from otp_engine.crypto import api_keys
from otp_engine.domain.events import Action, RequestRefused
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.store.events import codec
from otp_engine.store.keys import EVENTS
from tests.support import command_line, server_process, terminal

REFUSED = RequestRefused(
    recipient=PseudonymousRecipient(
        phone_hash="xBsuUixoSM3ju4Iw", prefix="+91944", country="IN"
    ),
    action=Action.SEND,
    limit="resend_cooldown",
)
YELLOW = "\x1b[33m"
# The name of the installed program decides the name of the variable.
INSTALLED = "from otp_engine.cli import main; main(prog_name='otp-engine')"


def run(*arguments, **options):
    environ = options.pop("environ", {})
    return subprocess.run(
        [*server_process.PROGRAM, *arguments],
        env=server_process.PATH | environ,
        check=False,
        **{
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "text": True,
        }
        | options,
    )


@pytest.fixture
def many_events(real_redis):
    """Store more events than a pipe holds."""
    with real_redis.pipeline() as pipeline:
        for _ in range(5_000):
            pipeline.xadd(EVENTS, codec.encode(REFUSED))
        pipeline.execute()


def test_reader_that_ends_early_ends_the_command_quietly(environ, many_events):
    with subprocess.Popen(
        [*server_process.PROGRAM, "events"],
        env=server_process.PATH | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stderr
        first = process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()

    assert "refused" in first
    assert errors == ""


@pytest.mark.parametrize("arguments", [("--help",), ("policy", "show"), ("events",)])
def test_output_to_a_full_disk_fails_with_a_sentence(environ, many_events, arguments):
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        result = run(*arguments, environ=environ, stdout=full)

    assert result.returncode == 1
    assert result.stderr == "✗ the output cannot be written: No space left on device\n"


@pytest.mark.parametrize("stream", [0, 1, 2])
def test_closed_stream_causes_no_traceback(environ, stream):
    redirection = "<&-" if stream == 0 else f"{stream}>&-"
    command = " ".join([*server_process.PROGRAM, "policy", "show", redirection])

    result = subprocess.run(
        ["/bin/sh", "-c", command],
        env=server_process.PATH | environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0
    assert "Traceback" not in result.stderr
    assert ("NAME" in result.stdout) is (stream != 1)


@pytest.mark.parametrize(
    "locale",
    [
        {"LANG": "C"},
        {"LC_ALL": "POSIX"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
    ],
    ids=str,
)
def test_text_of_a_change_is_written_in_every_locale(environ, locale):
    command_line.run(*("policy", "set", "max_sends", "3", "--by", "Łukasz"), **environ)

    change = ("policy", "set", "ttl", "5m")
    changed = run(*change, environ=environ | locale, text=False)
    history = run("policy", "history", environ=environ | locale, text=False)

    assert (changed.returncode, history.returncode) == (0, 0)
    assert b"ttl: 10m (default) " in changed.stderr
    assert b"ukasz" in history.stdout


def test_characters_that_an_encoding_lacks_become_signs(environ):
    latin = environ | {"PYTHONIOENCODING": "latin-1"}

    result = run("policy", "set", "ttl", "5m", environ=latin, encoding="latin-1")

    assert result.stderr.splitlines()[0] == "+ ttl: 10m (default) -> 5m"


def test_events_on_a_terminal_have_a_header_and_colors(environ, many_events):
    output = terminal.run("events", "-n", "1", **environ).output

    header, line = output.splitlines()
    assert header.startswith("TIME (UTC)")
    assert f"{YELLOW}refused" in line


def test_no_color_turns_colors_off(environ, many_events):
    events = terminal.run("events", "-n", "1", NO_COLOR="1", **environ)
    failure = terminal.run("keys", "new", "a b", NO_COLOR="yes")

    assert "refused" in events.output
    assert "\x1b[3" not in events.output + failure.output


def test_empty_no_color_has_no_effect(environ, many_events):
    assert YELLOW in terminal.run("events", "-n", "1", NO_COLOR="", **environ).output


def test_message_on_a_narrow_terminal_breaks_between_words():
    output = terminal.run("policy", "show", columns=40, NO_COLOR="1").output

    lines = output.splitlines()
    assert max(map(len, lines)) <= 40
    assert " ".join(line.strip() for line in lines).startswith(
        "✗ REDIS_URL is not set: set it to the Redis of the service."
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("policy", "set", "weather", "5m"),
        ("policy", "set", "ttl", "5m", "max_checks", "4"),
        ("events", "--phone", "+919445012345"),
        ("events", "--since", "yesterday"),
        ("keys", "check", "a", "b"),
        ("policy", "shw"),
    ],
    ids=" ".join,
)
def test_usage_error_on_a_narrow_terminal_breaks_between_words(arguments):
    narrow = terminal.run(*arguments, columns=44)
    wide = terminal.run(*arguments, columns=300)

    _, _, error = narrow.output.partition("Error: ")
    assert narrow.exit_code == 2
    assert max(map(len, error.splitlines())) <= 44
    assert error.split() == wide.output.partition("Error: ")[2].split()


def test_check_of_a_key_prompts_without_showing_it():
    key = api_keys.generate()

    result = terminal.run("keys", "check", answers=f"{key}\n")

    assert result.exit_code == 0
    assert result.output.startswith("API key: ")
    assert key not in result.output


@pytest.mark.parametrize(
    "command",
    [("inspect",), ("inspect", "-"), ("events", "--phone", "-")],
    ids=" ".join,
)
def test_command_about_a_phone_prompts_on_a_terminal(environ, command):
    result = terminal.run(*command, answers="9445012345\n", **environ)

    assert result.exit_code == 0
    assert "Phone number or e-mail address: " in result.output


@pytest.mark.parametrize("command", [("check",), ("check", "-")], ids=" ".join)
def test_check_of_a_key_in_a_pipe_has_no_prompt(command):
    key = api_keys.generate()

    result = subprocess.run(
        [*server_process.PROGRAM, "keys", *command],
        env=server_process.PATH,
        input=f"{key}\n",
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0
    assert "API key" not in result.stdout + result.stderr


def test_interrupted_prompt_ends_without_a_traceback():
    # Of a terminal that is not the controlling one, control-C is a character, and the
    # end of the input has the same path in click.
    result = terminal.run("keys", "check", answers="\x04")

    assert result.exit_code == 1
    assert "Aborted!" in result.output
    assert "Traceback" not in result.output


def complete(*words):
    result = subprocess.run(
        [sys.executable, "-c", INSTALLED],
        env=server_process.PATH
        | {
            "COMP_WORDS": " ".join(words),
            "COMP_CWORD": str(len(words) - 1),
            "_OTP_ENGINE_COMPLETE": "bash_complete",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.partition(",")[2] for line in result.stdout.splitlines()]


PREFIX_AND_PHONE = ["sends_per_phone", "sends_per_prefix"]


@pytest.mark.parametrize(
    ("words", "completions"),
    [
        (("otp-engine", "po"), ["policy"]),
        (("otp-engine", "policy", "ro"), ["rollback"]),
        (("otp-engine", "events", "--by", "p"), ["prefix", "phone", "provider"]),
        (("otp-engine", "events", "--by", "ip,pre"), ["ip,prefix"]),
        (("otp-engine", "policy", "set", "tt"), ["ttl"]),
        (("otp-engine", "policy", "set", "sends_per_p"), PREFIX_AND_PHONE),
        (("otp-engine", "policy", "set", "sending", ""), ["on", "off"]),
        (("otp-engine", "policy", "set", "guard", "s"), ["shadow"]),
        (("otp-engine", "policy", "set", "sends_per_ip", "2"), ["20/10m, 100/1d"]),
        (("otp-engine", "policy", "set", "ttl=5m", "sendin"), ["sending"]),
        (("otp-engine", "policy", "unset", "sending"), ["sending"]),
        (("otp-engine", "events", "--kind", "app"), ["approved"]),
        (("otp-engine", "events", "--fol"), ["--follow"]),
    ],
)
def test_shell_completes_commands_names_and_options(words, completions):
    assert complete(*words) == completions


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("bash", "complete -o nosort -F _otp_engine_completion otp-engine"),
        ("zsh", "#compdef otp-engine"),
        ("fish", "complete --no-files --command otp-engine"),
    ],
)
def test_completion_script_of_every_shell_is_printed(shell, line):
    result = subprocess.run(
        [sys.executable, "-c", INSTALLED],
        env=server_process.PATH | {"_OTP_ENGINE_COMPLETE": f"{shell}_source"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert line in result.stdout


def test_command_needs_no_home_and_no_user(environ):
    assert not {"HOME", "USER", "LOGNAME"} & (server_process.PATH | environ).keys()

    result = run("policy", "set", "ttl", "5m", environ=environ)

    assert result.returncode == 0


def test_module_has_the_name_of_the_installed_program_in_its_usage():
    result = run("policy", "set", "ttl")

    assert result.returncode == 2
    assert result.stderr.startswith("Usage: otp-engine policy set ")


@pytest.mark.parametrize("arguments", ["'serve', '--dev'", "'doctor'"])
def test_dev_mode_without_the_embedded_store_names_its_extra(arguments):
    without = "import sys; sys.modules['fakeredis'] = None"
    command = f"{without}; from otp_engine.cli import main; main([{arguments}])"
    environ = {"OTP_DEV": "1"}

    result = subprocess.run(
        [sys.executable, "-c", command],
        env=server_process.PATH | environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 1
    assert "✗ fakeredis is not installed" in result.stderr
    assert "extra `embedded`, or set REDIS_URL" in result.stderr
