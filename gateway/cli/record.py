"""`taiqu record`: what a gateway's store holds of the past, as a recording that `taiqu replay` reads."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.options import Config, counted


def record(
    folder: Annotated[Path, typer.Argument(help="A new folder for the recording.")],
    config: Config = Path("config/gateway.toml"),
    hours: Annotated[float, typer.Option(min=0.01, help="Of so many hours past.")] = 24.0,
) -> None:
    """Write what the gateway observed to a folder, with the area and its plans, to be replayed.

    Reads only, and may be used while the gateway runs. With InfluxDB the store holds only what is not sent yet. Exit
    status 1 when there is nothing to record.

    Example: taiqu record yesterday --hours 24 --config /etc/taiqu-gateway/gateway.toml
    """
    from gateway.clock import SystemClock
    from gateway.recording import Recorder, RecordingError
    from gateway.settings import SettingsError, load
    from gateway.store import StoreError
    from gateway.store.look import look, observations, state_items
    from gateway.verbs.pool import ORDER, PLAN, announced, ordered
    from rules.observation import Observation

    try:
        site = load(config)
        look(site.store.path)  # raises before anything is written
        said = state_items(site.store.path, PLAN, ORDER)
        plans = {plan.id: plan for plan in (*site.planned, *announced(said))}
        orders = dict.fromkeys((*site.orders, *ordered(said)))
        now = SystemClock().wall()
        count = 0
        with Recorder(folder, site.area, [*plans.values()], [*orders]) as recorder:
            for line, row in observations(site.store.path, now - hours * 3600, now):
                recorder.put(Observation(**{**row, "values": row.get("values", {})}, bus=line))
                count += 1
    except (SettingsError, RecordingError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    except StoreError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{folder}: {counted(count, 'observation')} of {counted(len(site.devices), 'device')}")
    if not count:
        raise typer.Exit(1)
