"""`taiqu sign`: makes a signed request, for whoever publishes it."""

import uuid
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from gateway.cli.options import Config


def sign(
    verb: Annotated[str, typer.Argument(help="What is asked for: read, plan, arm, confirm ...")],
    arguments: Annotated[list[str] | None, typer.Argument(metavar="[NAME=VALUE]...")] = None,
    operator: Annotated[str, typer.Option(help="Who signs, as [[commands.operator]] names him.")] = "",
    key: Annotated[Path | None, typer.Option(help="His key, as `taiqu key` made it.")] = None,
    gateway: Annotated[str, typer.Option(help="The gateway's id. Default: as the site's gateway.toml says.")] = "",
    request_id: Annotated[str, typer.Option("--id", help="Default: a new one.")] = "",
    config: Config = Path("config/gateway.toml"),
) -> None:
    """Print a signed request, to be published on cmd/VERB soon: it is obeyed once, and not when it is old.

    Example: taiqu sign arm device=meter-017 action=disconnect reason="arrears 4711" --operator li --key li.key

    NAME:=VALUE is JSON: a number, or a list such as 'values:=["253.0"]'.
    """
    from gateway.cli.arguments import ArgumentError, arguments_of
    from gateway.clock import SystemClock
    from gateway.north.keys import KeyFileError, read_key
    from gateway.north.signature import request_of
    from gateway.north.signature import sign as signed
    from gateway.verbs import VOCABULARY

    if not operator or key is None:
        _wrong("who signs, and with which key? Say --operator NAME --key FILE")
    if verb not in VOCABULARY:
        _wrong(f"there is no verb {verb!r}; there are {', '.join(VOCABULARY)}")
    whose = gateway or _gateway(config)
    try:
        request = request_of(
            whose, verb, request_id or uuid.uuid4().hex, SystemClock().wall(), arguments_of(arguments or [])
        )
        typer.echo(signed(read_key(str(key)), operator, request))
    except (ArgumentError, KeyFileError) as error:
        _wrong(str(error))


def _gateway(config: Path) -> str:
    from gateway.settings import SettingsError, address

    try:
        return address(config).gateway.id
    except SettingsError as error:
        _wrong(f"{error}\nOr say which gateway is meant: --gateway ID")


def _wrong(says: str) -> NoReturn:
    typer.echo(says, err=True)
    raise typer.Exit(2)
