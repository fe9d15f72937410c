"""`taiqu store`: what the store holds and who still has to hear of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.options import Config, Json

if TYPE_CHECKING:
    from gateway.store.look import Look, Waiting


def store(
    config: Config = Path("config/gateway.toml"),
    file: Annotated[Path | None, typer.Option(help="A store file, instead of the site's own.")] = None,
    device: Annotated[str, typer.Option(help="Print the observations of this device, a JSON line each.")] = "",
    hours: Annotated[float, typer.Option(min=0.01, help="With --device: of so many hours past.")] = 24.0,
    as_json: Json = False,
) -> None:
    """Show what waits, for whom and since when, what was set aside and what was thrown away.

    Reads only, and may be used while the gateway runs. Exit status 1 when the store is broken, or holds nothing of the
    device.

    Example: taiqu store --device M0012 --hours 2
    """
    import asyncio

    from gateway.settings import SettingsError, load
    from gateway.south.tap import TapError, tap_path, why_waiting
    from gateway.store import StoreError
    from gateway.store.look import look

    try:
        site = None if file else load(config)
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    path = file if site is None else site.store.path
    assert path is not None
    if not path.is_file():
        typer.echo(f"{path}: there is no store; a gateway makes it when it starts", err=True)
        raise typer.Exit(2)
    try:
        if device:
            _observations(path, device, hours, [row.id for row in site.devices] if site is not None else None)
            return
        found = look(path)
    except StoreError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    try:
        why = asyncio.run(why_waiting(tap_path(path)))
    except TapError as error:
        why = dict.fromkeys((one.sink for one in found.waiting), str(error))
    if as_json:
        typer.echo(_json(found, why))
    else:
        _show(found, why)


def _observations(path: Path, device: str, hours: float, known: Sequence[str] | None) -> None:
    """A JSON line each; `known`: the devices of the site, where it is a site's store."""
    from difflib import get_close_matches

    import orjson

    from gateway.clock import SystemClock
    from gateway.store.look import series

    now, count = SystemClock().wall(), 0
    for seen in series(path, device, now - hours * 3600, now + 3600):
        typer.echo(orjson.dumps(seen).decode())
        count += 1
    if count:
        return
    if known is not None and device not in known:
        near = get_close_matches(device, known) or [*known[:5], *(["..."] if len(known) > 5 else [])]
        typer.echo(f"there is no device {device!r}; there is {', '.join(near)}", err=True)
        raise typer.Exit(2)
    typer.echo(f"{path}: nothing of {device} in the last {hours:g} hours", err=True)
    raise typer.Exit(1)


def _why(one: "Waiting", why: Mapping[str, str]) -> str:
    """Why rows wait."""
    return (why.get(one.sink) or "on its way") if one.rows else ""


def _json(found: "Look", why: Mapping[str, str]) -> str:
    from dataclasses import asdict

    import orjson

    waiting = [{**asdict(one), "why": _why(one, why)} for one in found.waiting]
    return orjson.dumps({**asdict(found), "waiting": waiting}, option=orjson.OPT_INDENT_2).decode()


def _show(found: "Look", why: Mapping[str, str]) -> None:
    from rich.table import Table
    from rich.text import Text

    from gateway.console import console

    terminal = console()
    terminal.print(f"{found.path}  {found.used_bytes / 1e6:.1f} MB in use of {found.file_bytes / 1e6:.1f} MB  ", end="")
    terminal.print(f"{found.state_items} items of rule state  id {found.id}")
    kept = Table("stream", "rows", "from", "to", "thrown away unsent", box=None, pad_edge=False)
    for name, stream in found.streams.items():
        kept.add_row(name, str(stream.rows), _time(stream.oldest), _time(stream.newest), str(found.shed[name]))
    terminal.print(kept)
    if found.waiting:
        waiting = Table("for", "stream", "waiting", "since", "why", box=None, pad_edge=False)
        for one in found.waiting:
            since = _time(one.since) if one.rows else ""
            waiting.add_row(one.sink, one.stream, str(one.rows), since, Text(_why(one, why)))
        terminal.print(waiting)
    for aside in found.set_aside:
        terminal.print(f"set aside for {aside.sink}: {aside.stream} {aside.row}: {aside.why}")


def _time(at: float | None) -> str:
    """Local time of the machine; '' for none."""
    return "" if at is None else datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
