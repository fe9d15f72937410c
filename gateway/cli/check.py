"""`taiqu check`: reads all of config/ and says everything that is wrong with it."""

from pathlib import Path

import typer

from gateway.cli.options import Config, Json, counted


def check(config: Config = Path("config/gateway.toml"), as_json: Json = False) -> None:
    """Read every config file and name all faults at once, with file, line and remedy.

    Example: taiqu check --config /etc/taiqu-gateway/gateway.toml
    """
    from gateway.settings import check as check_site

    site, faults = check_site(config)
    faults = sorted(faults, key=lambda fault: (str(fault.file), fault.line))
    if as_json:
        import orjson

        rows = [{"file": str(f.file), "line": f.line, "field": f.field, "says": f.says} for f in faults]
        typer.echo(orjson.dumps({"good": not faults, "faults": rows}).decode())
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
    if faults:
        raise typer.Exit(1)


def _on(sender: object) -> str:
    return "off" if sender is None else "on"
