"""`taiqu simulate`: a transformer area on pseudo terminals and TCP for any master to read, or a recording of one."""

from pathlib import Path
from typing import Annotated

import typer


def simulate(
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="Simulate the site of this gateway.toml; its ports must be free names."),
    ] = None,
    scenario: Annotated[Path | None, typer.Option("--scenario", "-s", help="Faults to play, as TOML.")] = None,
    folder: Annotated[Path, typer.Option(help="Without --config: where a site is laid out.")] = Path("simulated"),
    speed: Annotated[float, typer.Option(min=0.1, help="Play the scenario so many times as fast.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Which customers live in the area, and everything else by chance.")] = 0,
    record: Annotated[
        Path | None, typer.Option(help="Open no port: write a recording with its truth to this folder, at full speed.")
    ] = None,
    hours: Annotated[float, typer.Option(min=0.1, help="With --record: how long it is.")] = 6.0,
    period: Annotated[float, typer.Option(min=1, help="With --record: seconds between two polls of a device.")] = 60.0,
    meters: Annotated[int, typer.Option(min=1, help="With --record, without --config: how many meters.")] = 60,
    faults: Annotated[int, typer.Option(min=0, help="With --record, without --scenario: how many by chance.")] = 4,
) -> None:
    """Run an area on ports of this machine until Ctrl-C, and print which line is where; or record one.

    Examples: taiqu simulate --scenario faults.toml, then taiqu run --config simulated/gateway.toml;
    taiqu simulate --record area-7 --seed 7 --meters 100, then taiqu replay area-7
    """
    import asyncio

    from gateway.settings import SettingsError, load
    from gateway.simulate.play import Playing, run
    from gateway.simulate.record import Recording, by_chance, write
    from gateway.simulate.scenario import CALM
    from gateway.simulate.scenario import load as load_scenario
    from gateway.simulate.site import lay_out

    try:
        if record is not None:
            site = load(config) if config else None
            wanted = Recording(hours * 3600, period, seed, meters, faults)
            area = site.area if site else None
            written = write(record, by_chance(wanted, area, scenario))
            typer.echo(f"{record}: {written.observations} observations, {written.faults} faults.")
        else:
            site = load(config or lay_out(folder))
            playing = Playing(site, load_scenario(scenario, site.area) if scenario else CALM, speed, seed)
            asyncio.run(run(playing, typer.echo))
    except (SettingsError, ValueError, LookupError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
