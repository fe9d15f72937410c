"""How `taiqu meter` gets at a meter: finds it in config/, opens its line, carries one service conversation."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    from drivers.dlt645.services.dialogue import Script
    from gateway.errand import Errand
    from gateway.settings.models import Device, Line, Site

T = TypeVar("T")


def carry(config: Path, device: str, script: "Callable[[str], Script[T | None]]") -> T:
    """A service's result; None is silence.

    Ends the command with 1 when the meter is silent or refuses, with 2 for a wrong question.
    """
    import asyncio

    line, known = find(config, device)
    ended(device, lambda: next(script(known.address), None))  # a wrong question is told before a port is opened

    async def talk(way: "Errand") -> T | None:
        return await way.carry(script(known.address), known.wire, known.timeout_s)

    result = ended(device, lambda: asyncio.run(on_open(line, talk)))
    if result is None:
        typer.echo(f"{device}: no answer", err=True)
        raise typer.Exit(1)
    return result


async def on_open(line: "Line", talk: "Callable[[Errand], Awaitable[T]]") -> T:
    """Talk on a line that is open meanwhile. Raises LinkError and DriverError."""
    from gateway.clock import SystemClock
    from gateway.errand import Errand
    from gateway.south.link.ports import link_to

    clock = SystemClock()
    way = Errand(link_to(line.port, clock), clock, line.echo)
    try:
        await way.open()
        return await talk(way)
    finally:
        way.close()


def ended(whom: str, run: Callable[[], T]) -> T:
    """What `run` gives; its errors in one line, with the exit status they stand for."""
    from drivers.errors import DriverError, RequestError
    from gateway.south.link.api import LinkError

    try:
        return run()
    except RequestError as error:
        wrong(f"{whom}: {error}")
    except (DriverError, LinkError) as error:
        typer.echo(f"{whom}: {error}", err=True)
        raise typer.Exit(1) from error


def find(config: Path, device: str) -> "tuple[Line, Device]":
    site = site_of(config)
    found = [row for row in site.devices if row.id == device]
    if not found or found[0].driver != "dlt645":
        meters = ", ".join(row.id for row in site.devices if row.driver == "dlt645") or "none"
        wrong(f"{config} has no DL/T 645 meter {device!r}; it has {meters}")
    return next(line for line in site.lines if line.id == found[0].line), found[0]


def on_line(config: Path, line: str) -> "tuple[Line, list[Device]]":
    site = site_of(config)
    meters = [row for row in site.devices if row.line == line and row.driver == "dlt645"]
    if not meters:
        lines = ", ".join(sorted({row.line for row in site.devices if row.driver == "dlt645"})) or "none"
        wrong(f"{config} has no line {line!r} with DL/T 645 meters; such lines: {lines}")
    return next(one for one in site.lines if one.id == line), meters


def site_of(config: Path) -> "Site":
    from gateway.settings import SettingsError, load

    try:
        return load(config)
    except SettingsError as error:
        wrong(str(error))


def now() -> datetime:
    """This machine's local time, which is what meters keep."""
    from gateway.clock import SystemClock

    return datetime.fromtimestamp(SystemClock().wall(), UTC).astimezone().replace(tzinfo=None)


def wrong(says: str) -> NoReturn:
    typer.echo(says, err=True)
    raise typer.Exit(2)
