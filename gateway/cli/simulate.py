"""`taiqu simulate`: a transformer area on pseudo terminals and TCP, for this gateway or any other master to read."""

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
    seed: Annotated[int, typer.Option(help="Which customers live in the area.")] = 0,
) -> None:
    """Run an area on ports of this machine until Ctrl-C, and print which line is where.

    Example: taiqu simulate --scenario faults.toml, then: taiqu run --config simulated/gateway.toml
    """
    import asyncio

    from gateway.settings import SettingsError, load
    from gateway.simulate.play import Playing, run
    from gateway.simulate.scenario import CALM
    from gateway.simulate.scenario import load as load_scenario
    from gateway.simulate.site import lay_out

    try:
        site = load(config or lay_out(folder))
        faults = load_scenario(scenario, site.area) if scenario else CALM
        asyncio.run(run(Playing(site, faults, speed, seed), typer.echo))
    except (SettingsError, ValueError, LookupError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
