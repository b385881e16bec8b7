"""Write the parts of the chart that follow from other files: `make chart`.

The chart has the version of the service, because one release has both. The schema of
the values lists every setting of the service, so that Helm rejects a misspelled one,
and a secret that would become an environment variable. The README of the chart lists
the values with the comments of `values.yaml`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from otp_engine import __version__, config
from otp_engine.config import secret_settings

CHART = Path(__file__).parent.parent / "deploy" / "helm" / "otp-engine"
DESCRIPTION = CHART / "Chart.yaml"
SCHEMA = CHART / "values.schema.json"
README = CHART / "README.md"
VALUES = CHART / "values.yaml"
OWN_VALUES = {"OTP_DRAIN": "drainSeconds", "OTP_ADMIN_PORT": "adminPort"}
"""The settings that a value of another name sets, because other objects need them."""

# The second one is quoted: a version of two numbers would be a float.
_VERSIONS = {"version": __version__, "appVersion": f'"{__version__}"'}
_START, _END = "<!-- values -->\n", "<!-- end values -->"
_ENTRY = re.compile(r"^( *)(\w+):(?: (.*))?$")


def plain_settings() -> list[str]:
    """Return the names of all settings of `settings`, sorted."""
    kept_out = {
        *secret_settings.SECRETS,
        *secret_settings.FILES.values(),
        *OWN_VALUES,
    }
    return sorted(set(config.VARIABLES) - kept_out)


def updated_description(text: str) -> str:
    """Return the `Chart.yaml` *text* with the version of the service."""
    return re.sub(
        r"^(version|appVersion): .*$",
        lambda match: f"{match[1]}: {_VERSIONS[match[1]]}",
        text,
        flags=re.MULTILINE,
    )


def updated_schema(text: str) -> str:
    """Return the schema *text* with the current settings."""
    schema: dict[str, Any] = json.loads(text)
    properties = schema["properties"]
    properties["settings"]["properties"] = {
        name: {"type": "string"} for name in plain_settings()
    }
    secrets = properties["secrets"]["properties"]["settings"]
    secrets["items"] = {"enum": sorted(secret_settings.SECRETS)}
    return json.dumps(schema, indent=2) + "\n"


def updated_readme(text: str) -> str:
    """Return the README *text* with the table of the current values."""
    before, _, rest = text.partition(_START)
    _, end, after = rest.partition(_END)
    rows = "".join(
        f"| `{name}` | {f'`{default}`' if default else ''} | {meaning} |\n"
        for name, default, meaning in documented_values(VALUES.read_text())
    )
    table = f"\n| value | default | meaning |\n|---|---|---|\n{rows}\n"
    return f"{before}{_START}{table}{end}{after}"


def documented_values(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, default and meaning of each value of `values.yaml`.

    A value is a line `key:` with its comment before it. A comment that starts with two
    spaces or a dash is an example, and is left out.
    """
    path: list[tuple[int, str]] = []
    comment: list[str] = []
    for line in text.splitlines():
        if match := _ENTRY.match(line):
            indent, key, default = len(match[1]), match[2], match[3] or ""
            path = [(depth, name) for depth, name in path if depth < indent]
            path.append((indent, key))
            name = ".".join(part for _, part in path)
            if default or comment:
                yield name, default, " ".join(comment)
            comment = []
        elif match := re.match(r"^ *# (\w.*)$", line):
            comment.append(match[1])
        elif not re.match(r"^ *#(  | -)", line):
            comment = []


if __name__ == "__main__":
    DESCRIPTION.write_text(updated_description(DESCRIPTION.read_text()))
    SCHEMA.write_text(updated_schema(SCHEMA.read_text()))
    README.write_text(updated_readme(README.read_text()))
