"""`taiqu read`: reads one device once and shows what it holds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from gateway.cli.options import Config, Json

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.api import Conversation
    from gateway.settings.models import Device, Line
    from gateway.south.poll import Poll


def read(
    device: Annotated[str, typer.Argument(help="The device's id, as in devices.csv.")],
    points: Annotated[
        list[str] | None, typer.Argument(metavar="[POINT]...", help="Default: all it is read for.")
    ] = None,
    registers: Annotated[
        str, typer.Option(help="Modbus: bare registers or bits instead, such as 'input 0+10' or 'coil 3'.")
    ] = "",
    identify: Annotated[bool, typer.Option(help="Modbus: ask who it is instead (function 43/14).")] = False,
    config: Config = Path("config/gateway.toml"),
    as_json: Json = False,
) -> None:
    """Read a device once, without the service, and show its values.

    Examples: taiqu read meter-017 voltage current --config /etc/taiqu-gateway/gateway.toml;
    taiqu read TTU --registers "holding 0x0100+8"

    Exit status 1 when the device does not answer. The service holds its serial ports: stop it first.
    """
    import asyncio

    from gateway.clock import SystemClock
    from gateway.south.once import read_once

    line, known = _find(config, device)
    if unknown := [point for point in points or () if point not in known.profile.points]:
        _wrong(f"{device} has no {', '.join(unknown)}; {known.profile.name} has {', '.join(known.profile.points)}")
    talk = _talk(known, registers, identify=identify) if registers or identify else None
    poll = asyncio.run(read_once(line, known, points or (), SystemClock(), talk))
    typer.echo(_as_json(poll) if as_json else _as_text(poll))
    if poll.fault:
        raise typer.Exit(1)


def _find(config: Path, device: str) -> "tuple[Line, Device]":
    from difflib import get_close_matches

    from gateway.settings import SettingsError, load

    try:
        site = load(config)
    except SettingsError as error:
        _wrong(str(error))
    known = {row.id: row for row in site.devices}
    if device not in known:
        near = get_close_matches(device, known) or list(known)[:5]
        _wrong(f"there is no device {device!r} in {config}; there is {', '.join(near)}")
    return next(line for line in site.lines if line.id == known[device].line), known[device]


def _talk(device: "Device", registers: str, *, identify: bool) -> "Callable[[], Conversation]":
    """A question beside the points of the profile."""
    from drivers.errors import RequestError
    from drivers.modbus.driver import Modbus
    from drivers.registry import driver

    speaks = driver(device.driver)
    if not isinstance(speaks, Modbus):
        _wrong(f"{device.id} speaks {device.driver}: --registers and --identify are for Modbus devices")
    try:
        talk = speaks.identify(device.address) if identify else speaks.read(device.address, registers)
    except RequestError as error:
        _wrong(str(error))
    return lambda: talk


def _wrong(says: str) -> NoReturn:
    typer.echo(says, err=True)
    raise typer.Exit(2)


def _as_text(poll: "Poll") -> str:
    rows = [
        (reading.point, "no value" if reading.value is None else str(reading.value), reading.unit)
        for reading in poll.readings
    ]
    width = max((len(point) for point, _, _ in rows), default=0)
    lines = [f"{point:<{width}}  {value:>12} {unit}".rstrip() for point, value, unit in rows]
    if poll.fault:
        lines.append(f"{poll.device}: {poll.fault}: {poll.says}")
    elif poll.says:
        lines.append(f"left out: {poll.says}")
    return "\n".join(lines)


def _as_json(poll: "Poll") -> str:
    import orjson

    rows = {reading.point: {"value": reading.value, "unit": reading.unit} for reading in poll.readings}
    return orjson.dumps(
        {
            "device": poll.device,
            "line": poll.line,
            "at": round(poll.at, 3),
            "took_ms": round(1000 * poll.took_s, 3),
            "values": rows,
            "fault": poll.fault,
            "says": poll.says,
        },
        default=str,
        option=orjson.OPT_INDENT_2,
    ).decode()
