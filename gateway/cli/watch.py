"""`taiqu watch`: a gateway live, as it tells of itself over the broker."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.options import Config, Json

if TYPE_CHECKING:
    from gateway.settings.models import Mqtt
    from gateway.watch import Watched

STATE_S = 2.0
"""How long the broker may take to hand out what it retains."""


def watch(
    config: Config = Path("config/gateway.toml"),
    gateway: Annotated[str, typer.Option(help="Another gateway on the same broker.")] = "",
    seconds: Annotated[float, typer.Option(help="End after so long; 0: on Ctrl-C.")] = 0.0,
    as_json: Json = False,
) -> None:
    """Show lines, devices, incidents and store of a running gateway, live.

    Without a terminal it prints a line for each piece of news; with --json every message, a JSON line each.
    Exit status 1 when the broker cannot be had, or the link to it is lost.

    Example: taiqu watch --config /etc/taiqu-gateway/gateway.toml
    """
    from gateway.north.session import BrokerError
    from gateway.settings import SettingsError, load

    try:
        site = load(config)
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    if site.mqtt is None:
        typer.echo(f"{config}: there is no [mqtt] table, so there is no broker to watch on", err=True)
        raise typer.Exit(2)
    try:
        asyncio.run(_watch(site.mqtt, gateway or site.id, seconds, as_json))
    except (BrokerError, OSError, ValueError) as error:
        typer.echo(f"mqtt: {error}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


async def _watch(settings: "Mqtt", gateway: str, seconds: float, as_json: bool) -> None:
    import os

    import orjson
    from rich.console import Console
    from rich.live import Live

    from gateway.north.messages import level, unpacked
    from gateway.north.session import BrokerError, Heard, Session
    from gateway.watch import Watched, screen

    watched, console = Watched(), Console()
    root = f"{settings.root}/v1/{level(gateway)}/"
    live = Live(console=console, screen=True, auto_refresh=False)
    shown = console.is_terminal and not as_json

    def hear(heard: Heard) -> None:
        topic, payload = heard.topic, heard.payload
        try:
            data: Any = orjson.loads(unpacked(payload)) if payload else None
        except (orjson.JSONDecodeError, OSError):  # the echo, or what somebody else writes there
            return
        if as_json:
            typer.echo(orjson.dumps({"topic": topic, "payload": data}).decode())
        elif (said := watched.hear(topic.removeprefix(root), data)) and not shown:
            typer.echo(said)

    session = Session(settings, f"taiqu-watch-{os.getpid()}")
    session.heard = hear
    try:
        await session.open()
        if not await session.subscribe(f"{root}#"):
            raise BrokerError(f"{session.broker} does not allow to listen below {root}")
        loop = asyncio.get_running_loop()
        end = loop.time() + (seconds or 1e9)
        if not (shown or as_json):
            loop.call_later(STATE_S, _tell_unheard, watched, f"{gateway} at {session.broker}")
        with live if shown else console:
            while not session.gone.done() and loop.time() < end:
                if shown:
                    live.update(screen(watched, gateway, max(5, console.height - 20)), refresh=True)
                await asyncio.wait((session.gone,), timeout=min(0.5, max(0.0, end - loop.time())))
        if session.gone.done():
            raise BrokerError(session.gone.result())
    finally:
        await session.close()


def _tell_unheard(watched: "Watched", name: str) -> None:
    """Its state is retained: a gateway that has not been heard of by now has never been there."""
    if not watched.state:
        typer.echo(f"nothing of {name}: it never ran there, or is named otherwise", err=True)
