"""`taiqu store`: what the store holds and who still has to hear of it."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.options import Config, Json

if TYPE_CHECKING:
    from gateway.store.look import Look


def store(
    config: Config = Path("config/gateway.toml"),
    file: Annotated[Path | None, typer.Option(help="A store file, instead of the site's own.")] = None,
    device: Annotated[str, typer.Option(help="Print the observations of this device, a JSON line each.")] = "",
    hours: Annotated[float, typer.Option(help="With --device: of so many hours past.")] = 24.0,
    as_json: Json = False,
) -> None:
    """Show what waits, for whom and since when, what was set aside and what was thrown away.

    Reads only, and may be used while the gateway runs. Exit status 1 when the store is broken.

    Example: taiqu store --device M0012 --hours 2
    """
    import orjson

    from gateway.clock import SystemClock
    from gateway.settings import SettingsError, load
    from gateway.store import StoreError
    from gateway.store.look import look, series

    try:
        path = file or load(config).store.path
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    if not path.is_file():
        typer.echo(f"{path}: there is no store; a gateway makes it when it starts", err=True)
        raise typer.Exit(2)
    try:
        if device:
            now = SystemClock().wall()
            for seen in series(path, device, now - hours * 3600, now + 3600):
                typer.echo(orjson.dumps(seen).decode())
            return
        found = look(path)
    except StoreError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
    else:
        _show(found)


def _show(found: "Look") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(f"{found.path}  {found.used_bytes / 1e6:.1f} MB in use of {found.file_bytes / 1e6:.1f} MB  ", end="")
    console.print(f"{found.state_items} items of rule state  id {found.id}")
    kept = Table("stream", "rows", "from", "to", "thrown away unsent", box=None, pad_edge=False)
    for name, stream in found.streams.items():
        kept.add_row(name, str(stream.rows), _time(stream.oldest), _time(stream.newest), str(found.shed[name]))
    console.print(kept)
    if found.waiting:
        waiting = Table("for", "stream", "waiting", "since", box=None, pad_edge=False)
        for one in found.waiting:
            waiting.add_row(one.sink, one.stream, str(one.rows), _time(one.since) if one.rows else "")
        console.print(waiting)
    for aside in found.set_aside:
        console.print(f"set aside for {aside.sink}: {aside.stream} {aside.row}: {aside.why}", markup=False)


def _time(at: float | None) -> str:
    """Local time of the machine; '' for none."""
    return "" if at is None else datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
