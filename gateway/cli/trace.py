"""`taiqu trace`: shows the frames on a line as they pass, each one explained."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from gateway.cli.options import Config, Json

if TYPE_CHECKING:
    from gateway.settings.models import Site
    from gateway.south.poll import Poll
    from gateway.south.trace import TracedFrame

ARROWS = {"out": "->", "in": "<-", "late": "late", "noise": "noise"}


def trace(
    line: Annotated[str, typer.Argument(help="The line's id, as in gateway.toml.")],
    config: Config = Path("config/gateway.toml"),
    last: Annotated[bool, typer.Option("--last", help="Only the last frames; then end.")] = False,
    poll: Annotated[bool, typer.Option("--poll", help="The service does not run: poll the line from here.")] = False,
    as_json: Json = False,
) -> None:
    """Show what is said on a line, explained, until Ctrl-C.

    Example: taiqu trace rs485-1 --config /etc/taiqu-gateway/gateway.toml

    It listens to the running service and says nothing on the line itself. Exit status 1 when the service does not run.
    """
    import asyncio

    from gateway.settings import SettingsError, load
    from gateway.south.tap import TapError, listen, tap_path

    try:
        site = load(config)
    except SettingsError as error:
        _end(str(error), 2)
    if line not in (lines := [row.id for row in site.lines]):
        _end(f"there is no line {line!r} in {config}; there is {', '.join(lines)}", 2)
    frames = _polled(site, line) if poll else listen(tap_path(site.store.path), line, follow=not last)
    try:
        asyncio.run(_show(frames, as_json))
    except TapError as error:
        _end(f"{error}\nWith --poll the line is polled from here.", 1)
    except KeyboardInterrupt:
        return


async def _show(frames: "AsyncIterator[TracedFrame]", as_json: bool) -> None:
    async for frame in frames:
        typer.echo(_as_json(frame) if as_json else _as_text(frame))


async def _polled(site: "Site", line_id: str) -> "AsyncIterator[TracedFrame]":
    import asyncio

    from gateway.clock import SystemClock
    from gateway.south.bus import Bus
    from gateway.south.link.ports import link_to

    clock, passing = SystemClock(), asyncio.Queue["TracedFrame"]()
    line = next(line for line in site.lines if line.id == line_id)
    devices = [device for device in site.devices if device.line == line_id]
    bus = Bus(line, devices, link_to(line.port, clock), clock, _tell_unreachable)
    bus.trace.listeners.append(passing.put_nowait)
    running = asyncio.create_task(bus.run())
    try:
        while True:
            yield await passing.get()
    finally:
        bus.close()
        await running


def _tell_unreachable(poll: "Poll") -> None:
    if poll.fault == "unreachable":
        typer.echo(f"{poll.device}: {poll.says}", err=True)


def _as_text(frame: "TracedFrame") -> str:
    from datetime import datetime

    from gateway.explain import in_words

    at = datetime.fromtimestamp(frame.at).astimezone().strftime("%H:%M:%S.%f")[:-3]
    head = f"{at} {ARROWS[frame.direction]:<5} {frame.device:<12} {frame.data.hex(' ')}"
    return "\n".join([head, *(f"{'':<31} {summary}" for summary in in_words(frame.data))])


def _as_json(frame: "TracedFrame") -> str:
    import orjson

    from gateway.explain import traced

    return orjson.dumps(traced(frame)).decode()


def _end(says: str, status: int) -> NoReturn:
    typer.echo(says, err=True)
    raise typer.Exit(status)
