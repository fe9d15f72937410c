"""How the `taiqu` command ends: a wrong question is one line on standard error and exit status 2, never a box."""

import sys
from collections.abc import Sequence
from typing import Any, cast

import typer
from typer.core import TyperGroup

UsageError = cast("type[Exception]", typer.BadParameter.__bases__[0])
"""What typer raises for a wrong question; it has no name of its own there."""


class Group(TyperGroup):
    """The verbs of `taiqu`, listed by name."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx))

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, *_: Any, **extra: Any) -> Any:
        """Run one and end the process with its exit status."""
        try:
            status = super().main(args, prog_name, **extra | {"standalone_mode": False})
        except UsageError as error:
            typer.echo(_says(error), err=True)
            sys.exit(2)
        except typer.Abort:
            sys.exit(1)
        sys.exit(status if isinstance(status, int) else 0)


def _says(error: Exception) -> str:
    """What is wrong and where to look; the help itself where somebody asked for nothing."""
    where = getattr(error, "ctx", None)
    if where is None or type(error).__name__ == "NoArgsIsHelpError":
        return str(error)
    message = " ".join(error.format_message().split()) if isinstance(error, typer.BadParameter) else str(error)
    message = message.replace("Value error, ", "")  # pydantic's words in front of a choice that is none
    return f"{message.rstrip('.')}; see {where.command_path} --help"
