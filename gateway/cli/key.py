"""`taiqu key`: makes the keys that operators sign with."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class Kind(Enum):
    """What kind of key."""

    ED25519 = "ed25519"
    HMAC = "hmac-sha256"


def key(
    file: Annotated[Path, typer.Argument(help="Where the key goes. A file that is there is never written over.")],
    kind: Annotated[
        Kind, typer.Option(help="A pair (the gateway gets FILE.pub, which cannot sign), or a shared secret.")
    ] = Kind.ED25519,
) -> None:
    """Make a key for an operator or a program, in a file that only its owner can read.

    Example: taiqu key li.key

    The operator keeps the file. What the gateway needs is copied to it and named in [[commands.operator]].
    """
    from gateway.cli.options import unusable
    from gateway.north.keys import KeyFileError, new_key, write_key

    public = file.with_name(f"{file.name}.pub")
    try:
        if kind is Kind.HMAC:
            write_key(file, new_key("hmac-sha256"))
        else:
            pair = new_key("ed25519-private")
            other = pair.public()  # said before anything is written: the library may not be there
            write_key(file, pair)
            write_key(public, other)
    except (OSError, KeyFileError) as error:
        typer.echo(unusable(error) if isinstance(error, OSError) else str(error), err=True)
        raise typer.Exit(2) from error
    given = file if kind is Kind.HMAC else public
    typer.echo(f"{file}: keep it, and show it to nobody. The gateway gets {given}:")
    typer.echo(f'[[commands.operator]]\nname = "{file.stem}"\nkey_file = "{given.name}"')
