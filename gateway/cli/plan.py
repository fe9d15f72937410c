"""`taiqu plan`: prices every line of a site before anything is sent."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from gateway.cli.options import Config, Json, counted

if TYPE_CHECKING:
    from gateway.plan import Assumed, DevicePlan, LinePlan
    from gateway.settings.models import Site

LONGEST_MS = 60_000.0


def plan(
    device: Annotated[str | None, typer.Argument(help="Show this device's requests one by one.")] = None,
    config: Config = Path("config/gateway.toml"),
    latency_ms: Annotated[float, typer.Option(min=0, max=LONGEST_MS, help="Assumed: how long a device thinks.")] = 30.0,
    network_ms: Annotated[float, typer.Option(min=0, max=LONGEST_MS, help="Assumed: there and back over IP.")] = 20.0,
    as_json: Json = False,
) -> None:
    """Say how long a round of each line takes, how busy it is, and whether every period fits.

    Exit status 1 when a line cannot keep its periods; of a device, when its own line cannot.

    Examples: taiqu plan --config /etc/taiqu-gateway/gateway.toml; taiqu plan FU-1
    """
    from drivers.errors import RequestError
    from gateway.plan import Assumed, plan_site
    from gateway.settings import SettingsError, load

    assumed = Assumed(latency_ms / 1000, network_ms / 1000)
    try:
        site = load(config)
        lines = plan_site(site, assumed)
    except (SettingsError, RequestError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    if device is not None:
        lines = [line for line in lines if _show_device(device, line, as_json)]
        if not lines:
            _end_without(device, site)
    elif as_json:
        import orjson

        typer.echo(
            orjson.dumps({"fits": all(one.fits for one in lines), "lines": [_row(one) for one in lines]}).decode()
        )
    else:
        _show(lines, assumed)
    if not all(line.fits for line in lines):
        raise typer.Exit(1)


def _show(lines: "list[LinePlan]", assumed: "Assumed") -> None:
    from gateway.plan import dead_share, says

    typer.echo(
        f"Assumed: a device thinks {assumed.latency_s * 1000:g} ms, a network takes {assumed.network_s * 1000:g} ms."
        f" Dead devices: {dead_share()}."
    )
    for line in lines:
        verdict = "does not fit" if not line.fits else "fits, with little to spare" if line.tight else "fits"
        typer.echo(
            f"\n{line.line.id}  {line.line.port}\n"
            f"  {counted(len(line.devices), 'device')}, one round {line.cycle_s:.2f} s, load {line.load:.1%}:"
            f" {verdict}\n"
            f"  a device that falls silent costs {line.dead_s:.2f} s a visit, then {line.dead_share:.2%} of the line"
        )
        typer.echo("  " + _columns("device", "profile", "requests", "bytes", "poll s", "period s", "load", "worst s"))
        for one in line.devices:
            bytes_both = sum(exchange.asked + exchange.answered for exchange in one.exchanges)
            typer.echo(
                "  "
                + _columns(
                    one.device.id,
                    one.device.profile.name,
                    str(len(one.exchanges)),
                    str(bytes_both),
                    f"{one.poll_s:.3f}",
                    f"{one.device.period_s:g}",
                    f"{one.load:.2%}",
                    f"{one.worst_s:.2f}" + ("" if one.fits else " late"),
                )
            )
        for fault in says(line):
            typer.echo(f"  {line.line.id}: {fault}.")


def _columns(device: str, profile: str, *figures: str) -> str:
    return f"{device:20} {profile:24} " + " ".join(f"{figure:>10}" for figure in figures)


def _show_device(name: str, line: "LinePlan", as_json: bool) -> bool:
    """Whether it is on this line."""
    one = next((one for one in line.devices if one.device.id == name), None)
    if one is None:
        return False
    if as_json:
        import orjson

        typer.echo(orjson.dumps(_device_row(one, requests=True)).decode())
        return True
    typer.echo(
        f"{one.device.id}, {one.device.profile.title}:"
        f" {counted(len(one.exchanges), 'request')}, {one.poll_s:.3f} s a poll"
    )
    for exchange, seconds in zip(one.exchanges, one.seconds, strict=True):
        typer.echo(
            f"  {exchange.what:18} {exchange.asked:4} + {exchange.answered:3} bytes {seconds * 1000:8.1f} ms  "
            + " ".join(exchange.points)
        )
    return True


def _end_without(name: str, site: "Site") -> NoReturn:
    from gateway.settings.shape import closest

    typer.echo(
        f"there is no device {name!r} in devices.csv; {closest(name, [one.id for one in site.devices])}", err=True
    )
    raise typer.Exit(2)


def _row(line: "LinePlan") -> dict[str, object]:
    from gateway.plan import says

    return {
        "line": line.line.id,
        "port": line.line.port,
        "cycle_s": round(line.cycle_s, 4),
        "load": round(line.load, 4),
        "dead_s": round(line.dead_s, 4),
        "dead_share": round(line.dead_share, 5),
        "fits": line.fits,
        "tight": line.tight,
        "says": says(line),
        "devices": [_device_row(one, requests=False) for one in line.devices],
    }


def _device_row(one: "DevicePlan", *, requests: bool) -> dict[str, object]:
    row: dict[str, object] = {
        "device": one.device.id,
        "profile": one.device.profile.name,
        "requests": len(one.exchanges),
        "bytes": sum(exchange.asked + exchange.answered for exchange in one.exchanges),
        "poll_s": round(one.poll_s, 4),
        "period_s": one.device.period_s,
        "load": round(one.load, 5),
        "worst_s": round(one.worst_s, 4),
        "dead_s": round(one.dead_s, 4),
        "fits": one.fits,
    }
    if requests:
        row["requests"] = [
            {
                "what": each.what,
                "asked": each.asked,
                "answered": each.answered,
                "seconds": round(seconds, 5),
                "points": list(each.points),
            }
            for each, seconds in zip(one.exchanges, one.seconds, strict=True)
        ]
    return row
