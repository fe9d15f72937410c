"""`taiqu meter`: what a DL/T 645 meter does beyond giving its points, each one service conversation."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from gateway.cli.options import Config, Json

if TYPE_CHECKING:
    from drivers.dlt645.catalog import Labelled
    from drivers.dlt645.services.dialogue import Script
    from drivers.dlt645.services.write import Authority
    from gateway.settings.models import Device, Line

T = TypeVar("T")

meter = typer.Typer(
    no_args_is_help=True,
    help="Clock, events, freezes, load profile, parameters and relay of a DL/T 645 meter.\n\n"
    "Example: taiqu meter events meter-017 power_down",
    epilog="The service holds its serial ports: stop it first. Exit status 1: the meter is silent or refuses.",
)

DEFAULT = Path("config/gateway.toml")
DeviceId = Annotated[str, typer.Argument(help="The device's id, as in devices.csv.")]
Change = Annotated[bool, typer.Option("--change-the-meter", help="Yes, this changes the meter.")]
PasswordFile = Annotated[Path | None, typer.Option(help="A file that holds the meter's six-digit password.")]
Operator = Annotated[str, typer.Option(help="Eight digits that the meter keeps in its records.")]


@meter.command()
def item(device: DeviceId, identifier: str, config: Config = DEFAULT, as_json: Json = False) -> None:
    """Read any identifier of the catalogue.

    Example: taiqu meter item meter-017 04000409
    """
    from drivers.dlt645.services.read import read_item

    values = _carry(config, device, lambda address: read_item(address, identifier.upper()))
    _show([{"identifier": identifier.upper(), **_row(values)}], as_json)


@meter.command()
def events(
    device: DeviceId,
    kind: Annotated[str, typer.Argument(help="power_down, cover_open, voltage_loss_a ...")],
    config: Config = DEFAULT,
    as_json: Json = False,
) -> None:
    """Show the last ten records of an event, the newest first.

    Example: taiqu meter events meter-017 power_down
    """
    from drivers.dlt645.services.read import event_kinds, read_events

    if kind not in event_kinds():
        _wrong(f"there is no event {kind!r}; there are {', '.join(sorted(event_kinds()))}")
    found = _carry(config, device, lambda address: read_events(address, event_kinds()[kind]))
    _show([{"number": one.number, **_row(one.values)} for one in found], as_json)


@meter.command("load-profile")
def load_profile(
    device: DeviceId,
    since: Annotated[datetime, typer.Option(help="Of the meter's clock.")],
    until: Annotated[datetime, typer.Option(help="Of the meter's clock.")],
    group: Annotated[int, typer.Option("--class", help="1 to 6 as the standard counts them, 0 for all.")] = 0,
    config: Config = DEFAULT,
    as_json: Json = False,
) -> None:
    """Read what the meter recorded in a span of time.

    Example: taiqu meter load-profile meter-017 --since 2026-11-22T00:00:00 --until 2026-11-22T12:00:00
    """
    from drivers.dlt645.services.read import read_load_profile

    blocks = _carry(config, device, lambda address: read_load_profile(address, group, since, until))
    _show([{"at": block.at, **_row(block.values)} for block in blocks], as_json)


@meter.command()
def clock(device: DeviceId, config: Config = DEFAULT, as_json: Json = False) -> None:
    """Show the meter's clock and how far it is off, the time on the line taken out.

    Example: taiqu meter clock meter-017
    """
    from drivers.dlt645.services.clock import drift, read_clock

    asked = _now()
    text = _carry(config, device, read_clock)
    _show([{"clock": text, "off_s": round(drift(text, asked, _now()).total_seconds(), 1)}], as_json)


@meter.command("set-clock")
def set_clock(
    device: DeviceId,
    change: Change = False,
    password_file: PasswordFile = None,
    operator: Operator = "00000000",
    config: Config = DEFAULT,
) -> None:
    """Set the meter's date and time to this machine's.

    Example: taiqu meter set-clock meter-017 --password-file /etc/taiqu-gateway/meter.password --change-the-meter
    """
    from drivers.dlt645.services import write

    authority = _authority(change, password_file, operator, "04")
    now = _now()
    _carry(config, device, lambda address: write.set_clock(address, now, authority))
    typer.echo(f"{device}: set to {now:%Y-%m-%d %H:%M:%S}")


@meter.command()
def freeze(
    device: DeviceId,
    when: Annotated[str, typer.Option(help="MMDDhhmm, 99 for every; the default is now.")] = "99999999",
    change: Change = False,
    config: Config = DEFAULT,
) -> None:
    """Have the meter keep its energies, now or at a time. Reading them: `taiqu meter item DEVICE 05010101`.

    Example: taiqu meter freeze meter-017 --when 99999930 --change-the-meter
    """
    from drivers.dlt645.services import write

    _switch(change)
    _carry(config, device, lambda address: write.freeze(address, when))
    typer.echo(f"{device}: agreed")


@meter.command("write")
def write_parameter(
    device: DeviceId,
    identifier: str,
    values: Annotated[list[str], typer.Argument(help="In the order the catalogue has them; times as ISO 8601.")],
    change: Change = False,
    password_file: PasswordFile = None,
    operator: Operator = "00000000",
    config: Config = DEFAULT,
) -> None:
    """Set a parameter and read it back.

    Example: taiqu meter write meter-017 04000E03 253.0 --password-file meter.password --change-the-meter
    """
    from drivers.dlt645.services import write

    authority = _authority(change, password_file, operator, "04")
    _carry(config, device, lambda address: write.write_item(address, identifier.upper(), values, authority))
    typer.echo(f"{device}: holds {identifier.upper()} = {', '.join(values)}")


@meter.command("clear-demand")
def clear_demand(
    device: DeviceId,
    change: Change = False,
    password_file: PasswordFile = None,
    operator: Operator = "00000000",
    config: Config = DEFAULT,
) -> None:
    """Reset the maximum demands.

    Example: taiqu meter clear-demand meter-017 --password-file meter.password --change-the-meter
    """
    from drivers.dlt645.services import write

    authority = _authority(change, password_file, operator, "04")
    _carry(config, device, lambda address: write.clear_demand(address, authority))
    typer.echo(f"{device}: maximum demands reset")


@meter.command()
def relay(
    device: DeviceId,
    command: Annotated[str, typer.Argument(help="trip, close_permit, close, alarm_on, alarm_off, keep_power_on ...")],
    minutes: Annotated[int, typer.Option(help="How long the command is good for.")] = 10,
    change: Change = False,
    password_file: PasswordFile = None,
    operator: Operator = "00000000",
    config: Config = DEFAULT,
    as_json: Json = False,
) -> None:
    """Give a relay command, once, and show by the meter's status word what came of it.

    Example: taiqu meter relay meter-017 trip --password-file /etc/taiqu-gateway/meter.password --change-the-meter
    """
    from drivers.dlt645.services import write

    known = {one.name.lower(): one for one in write.Command}
    if command not in known:
        _wrong(f"there is no command {command!r}; there are {', '.join(known)}")
    authority, until = _authority(change, password_file, operator, "02"), _now() + timedelta(minutes=minutes)
    state = _carry(config, device, lambda address: write.relay(address, known[command], until, authority))
    _show([asdict(state)], as_json)
    if not state.accepted:
        raise typer.Exit(1)


def _carry(config: Path, device: str, script: "Callable[[str], Script[T | None]]") -> T:
    """A service's result; None is silence, False a command that nothing confirms.

    Ends the command with 1 when the meter is silent or refuses, with 2 for a wrong question.
    """
    import asyncio

    from drivers.errors import DriverError, RequestError
    from gateway.clock import SystemClock
    from gateway.errand import Errand
    from gateway.south.link.api import LinkError

    line, known = _find(config, device)

    async def errand() -> T | None:
        way = Errand(line.port, SystemClock(), line.echo)
        try:
            await way.open()
            return await way.carry(script(known.address), known.wire, known.timeout_s)
        finally:
            way.close()

    try:
        result = asyncio.run(errand())
    except RequestError as error:
        _wrong(f"{device}: {error}")
    except (DriverError, LinkError) as error:
        typer.echo(f"{device}: {error}", err=True)
        raise typer.Exit(1) from error
    if result is None or result is False:
        typer.echo(
            f"{device}: {'no answer' if result is None else 'no answer; nothing shows that it was done'}", err=True
        )
        raise typer.Exit(1)
    return result


def _find(config: Path, device: str) -> "tuple[Line, Device]":
    from gateway.settings import SettingsError, load

    try:
        site = load(config)
    except SettingsError as error:
        _wrong(str(error))
    found = [row for row in site.devices if row.id == device]
    if not found or found[0].driver != "dlt645":
        meters = ", ".join(row.id for row in site.devices if row.driver == "dlt645") or "none"
        _wrong(f"{config} has no DL/T 645 meter {device!r}; it has {meters}")
    return next(line for line in site.lines if line.id == found[0].line), found[0]


def _switch(change: bool) -> None:
    if not change:
        _wrong("this changes the meter; say --change-the-meter when that is what you want")


def _authority(change: bool, password_file: Path | None, operator: str, level: str) -> "Authority":
    """Only from a password in a file and the explicit switch."""
    from drivers.dlt645.services.write import Authority

    _switch(change)
    if password_file is None:
        _wrong("the meter wants a password; put it into a file and say --password-file FILE")
    try:
        return Authority(password_file.read_text(encoding="ascii").strip(), level, operator)
    except (OSError, ValueError) as error:
        _wrong(f"{password_file}: {error}")


def _now() -> datetime:
    """This machine's local time, which is what meters keep."""
    from gateway.clock import SystemClock

    return datetime.fromtimestamp(SystemClock().wall()).astimezone().replace(tzinfo=None)


def _row(values: "Sequence[Labelled]") -> dict[str, Any]:
    return {one.name: None if one.value is None else f"{one.value} {one.unit}".rstrip() for one in values}


def _show(rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        import orjson

        typer.echo(orjson.dumps(rows, default=str))
        return
    for row in rows:
        typer.echo("  ".join(f"{name} {'no value' if value is None else value}" for name, value in row.items()))
    if not rows:
        typer.echo("nothing recorded")


def _wrong(says: str) -> NoReturn:
    typer.echo(says, err=True)
    raise typer.Exit(2)
