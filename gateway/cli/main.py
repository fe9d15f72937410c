"""The `taiqu` command: puts the verbs together."""

import typer

from gateway.cli.check import check
from gateway.cli.schema import schema

app = typer.Typer(
    name="taiqu",
    help="Edge gateway for smart meters and distribution transformers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command("check")(check)
app.command("schema")(schema)


def main() -> None:
    """Entry point of the console script. Exit status: 0 good, 1 the thing asked about is bad, 2 a wrong question."""
    app()
