"""`taiqu meter`: what a DL/T 645 meter does beyond giving its points, each one service conversation."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.meter_talk import carry, find, now, on_line, on_open, wrong
from gateway.cli.options import Config, Json

if TYPE_CHECKING:
    from drivers.dlt645.whole import Labelled
    from gateway.errand import Errand

meter = typer.Typer(
    no_args_is_help=True,
    help="Clock, events, freezes, load profile, parameters and relay of a DL/T 645 meter.\n\n"
    "Example: taiqu meter events meter-017 power_down",
    epilog="The service holds its serial ports: stop it first. Exit status 1: the meter is silent or refuses, or "
    "nobody permits the change.",
)

BROADCAST_PAUSE_S = 0.5  # after a broadcast, which nobody answers: the longest a meter takes over anything
DEFAULT = Path("config/gateway.toml")
DeviceId = Annotated[str, typer.Argument(help="The device's id, as in devices.csv.")]
Change = Annotated[bool, typer.Option("--change-the-meter", help="Yes, this changes the meter: do not ask.")]
Operator = Annotated[str, typer.Option(help="Who does it, as [[commands.operator]] names him.")]
Key = Annotated[Path | None, typer.Option(help="His key, as `taiqu key` made it.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the audit log.")]


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


@meter.command()
def change(
    device: DeviceId,
    action: Annotated[str, typer.Argument(help="disconnect, reconnect, permit_reconnect, write, set_clock ...")],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PARAMETER VALUE...]", help="What to write; times as ISO 8601. When to freeze: MMDDhhmm."
        ),
    ] = None,
    operator: Operator = "",
    key: Key = None,
    reason: Reason = "",
    sure: Change = False,
    config: Config = DEFAULT,
    as_json: Json = False,
) -> None:
    """Change a meter as [control] permits it: armed, confirmed, looked at afterwards, and in the audit log.

    Examples: taiqu meter change meter-017 disconnect --reason "arrears 4711" --operator li --key li.key

    taiqu meter change meter-017 write 04000E03 253.0 --reason "order 12" --operator li --key li.key

    While the service runs, `taiqu ask arm` and `taiqu ask confirm` do the same.
    """
    from gateway.cli.meter_change import Changer
    from gateway.control.action import ACTIONS

    if action not in ACTIONS:
        wrong(f"there is no action {action!r}; there are {', '.join(ACTIONS)}")
    find(config, device)
    done = Changer(config, operator, key, reason, sure).change(device, action, words or [])
    _show([dict(done)], as_json)


@meter.command("broadcast-clock")
def broadcast_clock(
    line: Annotated[str, typer.Argument(help="The line's id, as in gateway.toml.")],
    operator: Operator = "",
    key: Key = None,
    reason: Reason = "",
    sure: Change = False,
    config: Config = DEFAULT,
) -> None:
    """Tell all DL/T 645 meters of a line the time, after looking how far they are off; set_clock has to be permitted.

    Example: taiqu meter broadcast-clock rs485-1 --reason commissioning --operator li --key li.key
    """
    from drivers.dlt645.services import clock, write
    from gateway.cli.meter_change import Changer

    known, devices = on_line(config, line)

    async def tell(way: "Errand") -> str:
        largest = timedelta()
        for device in devices:
            asked = now()
            text = await way.carry(clock.read_clock(device.address), device.wire, device.timeout_s)
            if text:
                largest = max(largest, abs(clock.drift(text, asked, now())))
        await way.carry(write.broadcast_clock(now(), largest), devices[0].wire, BROADCAST_PAUSE_S, retries=0)
        return f"told the time; the clock furthest off was {largest.total_seconds():.0f} s off"

    says = Changer(config, operator, key, reason, sure).on_line(line, lambda: on_open(known, tell))
    typer.echo(f"{line}: {says}")


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
