"""The `taiqu` command: puts the verbs together."""

from importlib import metadata
from typing import Annotated

import typer

from gateway.cli.ask import ask
from gateway.cli.audit import audit
from gateway.cli.check import check
from gateway.cli.demo import demo
from gateway.cli.frame import frame
from gateway.cli.group import Group
from gateway.cli.key import key
from gateway.cli.meter import meter
from gateway.cli.plan import plan
from gateway.cli.profiles import profiles
from gateway.cli.read import read
from gateway.cli.record import record
from gateway.cli.replay import replay
from gateway.cli.run import run
from gateway.cli.scan import scan
from gateway.cli.schema import schema
from gateway.cli.sign import sign
from gateway.cli.simulate import simulate
from gateway.cli.store import store
from gateway.cli.testcases import cases
from gateway.cli.trace import trace
from gateway.cli.watch import watch

app = typer.Typer(
    name="taiqu",
    cls=Group,
    no_args_is_help=True,
    invoke_without_command=True,
    rich_markup_mode="markdown",
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command("ask")(ask)
app.command("audit")(audit)
app.command("check")(check)
app.command("demo")(demo)
app.command("frame")(frame)
app.command("key")(key)
app.command("plan")(plan)
app.command("profiles")(profiles)
app.command("read")(read)
app.command("record")(record)
app.command("replay")(replay)
app.command("run")(run)
app.command("scan")(scan)
app.command("schema")(schema)
app.command("sign")(sign)
app.command("simulate")(simulate)
app.command("store")(store)
app.command("watch")(watch)
app.command("test")(cases)
app.command("trace")(trace)

app.add_typer(meter, name="meter")


@app.callback()
def common(
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    """Edge gateway for smart meters and distribution transformers."""
    if version:
        typer.echo(f"taiqu {metadata.version('taiqu-gateway')}")
        raise typer.Exit


def main() -> None:
    """Entry point of the console script. Exit status: 0 good, 1 the thing asked about is bad, 2 a wrong question."""
    app()
