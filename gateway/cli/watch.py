"""`taiqu watch`: a gateway live, as it tells of itself over the broker."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.options import Config, Json

if TYPE_CHECKING:
    from gateway.console import Console
    from gateway.north.session import Session
    from gateway.settings.models import Mqtt
    from gateway.watch import Watched

STATE_S = 2.0
"""How long the broker may take to hand out what it retains, and the gateway to tell its figures."""

FIGURES_S = 10.0
"""How often a screen has new figures of lines and store."""


def watch(
    config: Config = Path("config/gateway.toml"),
    gateway: Annotated[str, typer.Option(help="Another gateway on the same broker.")] = "",
    seconds: Annotated[float, typer.Option(help="End after so long; 0: on Ctrl-C.")] = 0.0,
    once: Annotated[bool, typer.Option("--once", help="Tell how it is, and end.")] = False,
    as_json: Json = False,
) -> None:
    """Show lines, devices, incidents and store of a running gateway, live.

    Without a terminal it prints a line for each piece of news; with --json every message, a JSON line each. With --once
    it tells how things are now and ends: exit status 1 when the gateway is not online.
    Exit status 1 also when the broker cannot be had, or the link to it is lost.

    Example: taiqu watch --config /etc/taiqu-gateway/gateway.toml
    """
    from gateway.north.session import BrokerError
    from gateway.settings import SettingsError, address
    from gateway.watch import Watched

    try:
        there = address(config)
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    if there.mqtt is None:
        typer.echo(f"{config}: there is no [mqtt] table, so there is no broker to watch on", err=True)
        raise typer.Exit(2)
    watched = Watched(gateway or there.gateway.id)
    try:
        asyncio.run(
            _watch(there.mqtt, watched, _glance(watched, as_json) if once else _live(watched, seconds, as_json))
        )
    except BrokenPipeError:
        raise  # nobody reads on: no fault of the broker's
    except (BrokerError, OSError, ValueError) as error:
        typer.echo(f"mqtt: {error}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    if once and not watched.online:
        raise typer.Exit(1)


class _View:
    """What is done with what is heard, and for how long: `tell` gets every message, `show` also asks for figures."""

    def __init__(
        self,
        tell: Callable[[str, Any, str], None],
        show: "Callable[[Session, Callable[[], None]], Awaitable[None]]",
    ) -> None:
        self.tell, self.show = tell, show


async def _watch(settings: "Mqtt", watched: "Watched", view: _View) -> None:
    """Listen to one gateway, and ask it for its figures, which it tells of itself only once a minute."""
    import orjson

    from gateway.north.messages import Message, level, unpacked
    from gateway.north.session import BrokerError, Heard, Session

    root = f"{settings.root}/v1/{level(watched.gateway)}/"
    unread: list[BrokenPipeError] = []

    def hear(heard: Heard) -> None:
        if unread:
            return
        try:
            data: Any = orjson.loads(unpacked(heard.payload)) if heard.payload else None
        except (orjson.JSONDecodeError, OSError):  # the echo, or what somebody else writes there
            return
        news = watched.hear(heard.topic.removeprefix(root), data)
        try:
            view.tell(heard.topic, data, news)
        except BrokenPipeError as error:  # as behind `| head`
            unread.append(error)
            session.leave(str(error))

    session = Session(settings, f"taiqu-watch-{uuid.uuid4().hex[:12]}")
    session.heard = hear

    def ask() -> None:
        session.publish(Message(f"{root}cmd/figures", orjson.dumps({"id": uuid.uuid4().hex})))

    try:
        await session.open()
        if not await session.subscribe(f"{root}#"):
            raise BrokerError(f"{session.broker} does not allow to listen below {root}")
        ask()
        await view.show(session, ask)
        if unread:
            raise unread[0]
        if session.gone.done():
            raise BrokerError(session.gone.result())
    finally:
        await session.close()


def _live(watched: "Watched", seconds: float, as_json: bool) -> _View:
    """A screen, or a line for each piece of news, or every message as JSON."""
    import orjson

    from gateway.console import console

    terminal = console()
    on_screen = terminal.is_terminal and not as_json

    def tell(topic: str, data: Any, news: str) -> None:
        if as_json:
            typer.echo(orjson.dumps({"topic": topic, "payload": data}).decode())
        elif news and not on_screen:
            typer.echo(news)

    async def show(session: "Session", ask: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + (seconds or 1e9)
        if on_screen:
            await _on_screen(watched, session, ask, terminal, end)
            return
        if not as_json:
            loop.call_later(STATE_S, _tell_unheard, watched, session.broker)
        await asyncio.wait((session.gone,), timeout=max(0.0, end - loop.time()))

    return _View(tell, show)


async def _on_screen(
    watched: "Watched", session: "Session", ask: Callable[[], None], terminal: "Console", end: float
) -> None:
    from rich.live import Live

    from gateway.watch import NEWS, screen

    loop = asyncio.get_running_loop()
    asked = loop.time()
    with Live(console=terminal, screen=True, auto_refresh=False) as live:
        while not session.gone.done() and loop.time() < end:
            if loop.time() - asked > FIGURES_S:
                ask()
                asked = loop.time()
            taken = 12 + NEWS + len(watched.figures.get("lines", ())) + len(watched.alarms)
            live.update(screen(watched, max(5, terminal.height - taken)), refresh=True)
            await asyncio.wait((session.gone,), timeout=min(0.5, max(0.0, end - loop.time())))


def _glance(watched: "Watched", as_json: bool) -> _View:
    """How things are: when state and figures have come, or nobody has told them in time."""
    import orjson

    from gateway.console import console
    from gateway.watch import screen, sentences

    known = asyncio.Event()

    def tell(_topic: str, _data: Any, _news: str) -> None:
        if watched.state and (watched.figures or not watched.online):
            known.set()

    async def show(session: "Session", _ask: Callable[[], None]) -> None:
        waiting = asyncio.ensure_future(known.wait())
        await asyncio.wait((waiting, session.gone), timeout=STATE_S, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        await asyncio.sleep(0)  # what came together with it
        terminal = console()
        if as_json:
            typer.echo(orjson.dumps(watched.snapshot()).decode())
        elif terminal.is_terminal:
            terminal.print(screen(watched, 0))
        else:
            typer.echo("\n".join(sentences(watched)))

    return _View(tell, show)


def _tell_unheard(watched: "Watched", broker: str) -> None:
    """Its state is retained: a gateway that has not been heard of by now has never been there."""
    if not watched.state:
        typer.echo(f"nothing of {watched.gateway} at {broker}: it never ran there, or is named otherwise", err=True)
