"""`taiqu meter`: what a DL/T 645 meter does beyond giving its points, each one service conversation."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.meter_talk import carry, ended, find, now, on_line, on_open, wrong
from gateway.cli.options import Config, Json

if TYPE_CHECKING:
    from drivers.dlt645.services.write import Authority
    from drivers.dlt645.whole import Labelled
    from gateway.errand import Errand

meter = typer.Typer(
    no_args_is_help=True,
    help="Clock, events, freezes, load profile, parameters and relay of a DL/T 645 meter.\n\n"
    "Example: taiqu meter events meter-017 power_down",
    epilog="The service holds its serial ports: stop it first. Exit status 1: the meter is silent or refuses.",
)

BROADCAST_PAUSE_S = 0.5  # after a broadcast, which nobody answers: the longest a meter takes over anything
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

    values = carry(config, device, lambda address: read_item(address, identifier.upper()))
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
        wrong(f"there is no event {kind!r}; there are {', '.join(sorted(event_kinds()))}")
    found = carry(config, device, lambda address: read_events(address, event_kinds()[kind]))
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

    blocks = carry(config, device, lambda address: read_load_profile(address, group, since, until))
    _show([{"at": block.at, **_row(block.values)} for block in blocks], as_json)


@meter.command()
def clock(device: DeviceId, config: Config = DEFAULT, as_json: Json = False) -> None:
    """Show the meter's clock and how far it is off, the time on the line taken out.

    Example: taiqu meter clock meter-017
    """
    from drivers.dlt645.services.clock import drift, read_clock_either

    asked = now()
    text = carry(config, device, read_clock_either)
    _show([{"clock": text, "off_s": round(drift(text, asked, now()).total_seconds(), 1)}], as_json)


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
    told, edition = now(), str(find(config, device)[1].profile.options.get("edition", ""))
    carry(config, device, lambda address: write.set_clock(address, told, authority, edition))
    typer.echo(f"{device}: set to {told:%Y-%m-%d %H:%M:%S}")


@meter.command("broadcast-clock")
def broadcast_clock(
    line: Annotated[str, typer.Argument(help="The line's id, as in gateway.toml.")],
    change: Change = False,
    config: Config = DEFAULT,
) -> None:
    """Tell all DL/T 645 meters of a line the time, after looking how far they are off. No password is needed.

    Example: taiqu meter broadcast-clock rs485-1 --change-the-meter
    """
    import asyncio

    from drivers.dlt645.services import clock, write

    _switch(change)
    known, devices = on_line(config, line)

    async def tell(way: "Errand") -> timedelta:
        largest = timedelta()
        for device in devices:
            asked = now()
            text = await way.carry(clock.read_clock(device.address), device.wire, device.timeout_s)
            if text:
                largest = max(largest, abs(clock.drift(text, asked, now())))
        await way.carry(write.broadcast_clock(now(), largest), devices[0].wire, BROADCAST_PAUSE_S, retries=0)
        return largest

    largest = ended(line, lambda: asyncio.run(on_open(known, tell)))
    typer.echo(f"{line}: told the time; the clock furthest off was {largest.total_seconds():.0f} s off")


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
    carry(config, device, lambda address: write.freeze(address, when))
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
    carry(config, device, lambda address: write.write_item(address, identifier.upper(), values, authority))
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
    carry(config, device, lambda address: write.clear_demand(address, authority))
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
        wrong(f"there is no command {command!r}; there are {', '.join(known)}")
    authority, until = _authority(change, password_file, operator, "02"), now() + timedelta(minutes=minutes)
    state = carry(config, device, lambda address: write.relay(address, known[command], until, authority))
    _show([asdict(state)], as_json)
    if not state.accepted:
        raise typer.Exit(1)


def _switch(change: bool) -> None:
    if not change:
        wrong("this changes the meter; say --change-the-meter when that is what you want")


def _authority(change: bool, password_file: Path | None, operator: str, level: str) -> "Authority":
    """Only from a password in a file and the explicit switch."""
    from drivers.dlt645.services.write import Authority

    _switch(change)
    if password_file is None:
        wrong("the meter wants a password; put it into a file and say --password-file FILE")
    try:
        return Authority(password_file.read_text(encoding="ascii").strip(), level, operator)
    except (OSError, ValueError) as error:
        wrong(f"{password_file}: {error}")


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
