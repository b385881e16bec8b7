"""`otp-engine factors`: the authenticator apps of all entities."""

from __future__ import annotations

from collections.abc import Sequence

import click

from otp_engine.cli.commands.options import RedisGroup, json_option
from otp_engine.parsing import is_sid


def _to_map(
    _context: click.Context, _param: click.Parameter, values: Sequence[str]
) -> dict[str, str]:
    services = {}
    for value in values:
        from_, _, to = value.partition("=")
        if not (is_sid(from_, "VA") and is_sid(to, "VA")):
            raise click.BadParameter("must be two SIDs of services, as VA...=VA...")
        services[from_] = to
    return services


@click.group(cls=RedisGroup)
def factors() -> None:
    """List, export, import and reset authenticator apps."""


@factors.command("list")
@click.option("--identity", help="List the factors of one identity; - reads it.")
@click.option("--service", help="SID of the service; without it, the default one.")
@json_option
def list_factors(*, identity: str | None, service: str | None, as_json: bool) -> None:
    """Show the number of factors by service, or those of one identity.

    No secret is ever shown.
    """
    from otp_engine.cli import factors as work

    if identity is None:
        if service is not None:
            raise click.UsageError("--service needs --identity")
        work.list_services(as_json=as_json)
    else:
        work.list_factors(identity, service, as_json=as_json)


@factors.command()
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
def export(*, file: str) -> None:
    """Write all factors to FILE, encrypted.

    The key is derived from OTP_FACTOR_KEY. FILE is readable by its owner only, and is
    complete or does not exist; - is the standard output, unless that is a terminal.
    """
    from otp_engine.cli import factor_archive as work

    work.export(file)


@factors.command("import")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option(
    "--service",
    "services",
    metavar="SID=SID",
    multiple=True,
    callback=_to_map,
    help="Store the factors of one service of FILE in another one; repeatable.",
)
def import_factors(*, file: str, services: dict[str, str]) -> None:
    """Store the factors of FILE, which `factors export` has written.

    The whole file is verified first. An entity with a newer stored state stays as it
    is, so an import can be repeated. OTP_FACTOR_KEY or OTP_FACTOR_KEY_PREVIOUS must be
    the factor key of the export; - is the standard input, unless that is a terminal.
    """
    from otp_engine.cli import factor_archive as work

    work.import_archive(file, services)


@factors.command("rotate-key")
def rotate_key() -> None:
    """Encrypt the data key with OTP_FACTOR_KEY.

    Run it after a new OTP_FACTOR_KEY is set on every instance, and before
    OTP_FACTOR_KEY_PREVIOUS is removed.
    """
    from otp_engine.cli import factors as work

    work.rotate_key()


@factors.command()
@click.confirmation_option(
    prompt="Delete the authenticator apps of all people, in all services?"
)
def reset() -> None:
    """Delete all authenticator apps, and replace the data key.

    For a data key that was stolen or lost, or a factor key that was lost. Every person
    enrolls again, and receivers of webhooks need their new secrets.
    """
    from otp_engine.cli import factors as work

    work.reset()
