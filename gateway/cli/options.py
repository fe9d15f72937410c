"""Options and words that several verbs share, said the same way everywhere."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path, typer.Option("--config", "-c", envvar="TAIQU_CONFIG", help="The gateway.toml of the site.")]
Rules = Annotated[Path | None, typer.Option("--rules", help="A rules.toml with other thresholds.")]
Json = Annotated[bool, typer.Option("--json", help="For programs: JSON on standard output.")]


def unusable(error: OSError) -> str:
    """Which file cannot be used and why, without the number of the error."""
    return f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)


def counted(number: int, noun: str) -> str:
    """A number and its noun, in the plural where it is not one."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def thresholds_of(path: Path | None) -> dict[str, dict[str, float]]:
    """What a rules.toml sets; nothing without one. Exits with 2 on a faulty file, after naming every fault."""
    if path is None:
        return {}
    from gateway.settings.rules_file import read
    from gateway.settings.toml_file import read_toml

    found, faults = read(read_toml(path))
    for fault in faults:
        typer.echo(str(fault), err=True)
    if faults:
        raise typer.Exit(2)
    return found
