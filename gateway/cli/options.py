"""Options and words that several verbs share, said the same way everywhere."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path, typer.Option("--config", "-c", help="The gateway.toml of the site.")]
Json = Annotated[bool, typer.Option("--json", help="For programs: JSON on standard output.")]


def unusable(error: OSError) -> str:
    """Which file cannot be used and why, without the number of the error."""
    return f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)


def counted(number: int, noun: str) -> str:
    """A number and its noun, in the plural where it is not one."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
