"""`taiqu check`: reads all of config/ and says everything that is wrong with it."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from gateway.cli.options import Config, Json, counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.settings.models import Site


def check(config: Config = Path("config/gateway.toml"), as_json: Json = False) -> None:
    """Read every config file and name all faults at once, with file, line and remedy.

    A line that cannot keep its periods is no fault of a file, but it is said: `taiqu plan` has the figures.

    Example: taiqu check --config /etc/taiqu-gateway/gateway.toml
    """
    from gateway.settings import check as check_site

    site, faults = check_site(config)
    faults = sorted(faults, key=lambda fault: (str(fault.file), fault.line))
    remarks = [] if site is None else list(_late(site))
    if as_json:
        import orjson

        rows = [{"file": str(f.file), "line": f.line, "field": f.field, "says": f.says} for f in faults]
        typer.echo(orjson.dumps({"good": not faults, "faults": rows, "remarks": remarks}).decode())
    elif faults:
        for fault in faults:
            typer.echo(str(fault))
        typer.echo(f"{counted(len(faults), 'fault')}; nothing was started.")
    elif site is not None:
        nodes, devices = counted(len(site.area.nodes), "node"), counted(len(site.devices), "device")
        typer.echo(
            f"{site.id}: good. Area {site.area.id} with {nodes}, {devices} on {counted(len(site.lines), 'line')};"
            f" MQTT {_on(site.mqtt)}, InfluxDB {_on(site.influx)}."
        )
        for remark in remarks:
            typer.echo(remark)
    if faults:
        raise typer.Exit(1)


def _late(site: "Site") -> "Iterator[str]":
    """What is said of lines that cannot keep their periods."""
    from drivers.errors import RequestError
    from gateway.plan import Assumed, plan_site, says

    try:
        for line in plan_site(site, Assumed()):
            yield from (f"{line.line.id}: {fault}." for fault in says(line))
    except RequestError as error:
        yield f"{error}."


def _on(sender: object) -> str:
    return "off" if sender is None else "on"
