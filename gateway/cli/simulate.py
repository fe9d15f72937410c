"""`taiqu simulate`: a transformer area on pseudo terminals and TCP for any master to read, or a recording of one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from drivers.api import Profile

_SINGLE = "Single meters, for any master to read"
_OLDER = Literal["2007", "1997"]


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
    meter: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS", help="No area: a meter with this address; several share a port.", rich_help_panel=_SINGLE
        ),
    ] = None,
    profile: Annotated[str, typer.Option(help="What the meters are.", rich_help_panel=_SINGLE)] = "dlt645-2007-3p",
    port: Annotated[
        str,
        typer.Option(help="tcp://127.0.0.1:5020, or a path to find the pseudo terminal by.", rich_help_panel=_SINGLE),
    ] = "",
    holds: Annotated[
        list[str] | None, typer.Option(metavar="POINT=VALUE", help="What they hold.", rich_help_panel=_SINGLE)
    ] = None,
    edition: Annotated[_OLDER | None, typer.Option(help="Answers no other.", rich_help_panel=_SINGLE)] = None,
    zeros: Annotated[
        bool, typer.Option("--zeros", help="0000 instead of FFFF for no value.", rich_help_panel=_SINGLE)
    ] = False,
    preamble: Annotated[
        bool, typer.Option("--needs-preamble", help="Deaf without FE.", rich_help_panel=_SINGLE)
    ] = False,
    delay: Annotated[float, typer.Option(min=0, help="Seconds before an answer.", rich_help_panel=_SINGLE)] = 0.02,
    gap: Annotated[float, typer.Option(min=0, help="Seconds between its bytes.", rich_help_panel=_SINGLE)] = 0.0,
    manner: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND=CHANCE",
            help="silent, cut, spoilt, noise_before, noise_after, echo, twice, repeats_last; 0 to 1.",
            rich_help_panel=_SINGLE,
        ),
    ] = None,
) -> None:
    """Run an area on ports of this machine until Ctrl-C, and print which line is where; or record one.

    Examples: taiqu simulate --scenario faults.toml, then taiqu run --config simulated/gateway.toml;
    taiqu simulate --record area-7 --seed 7 --meters 100, then taiqu replay area-7;
    taiqu simulate --meter 202611000042 --holds voltage_a=231.2 --port tcp://127.0.0.1:5020 --manner cut=0.1
    """
    import asyncio

    from gateway.recording import RecordingError
    from gateway.settings import SettingsError, load
    from gateway.simulate.play import Playing, run
    from gateway.simulate.record import Recording, by_chance, write
    from gateway.simulate.scenario import CALM
    from gateway.simulate.scenario import load as load_scenario
    from gateway.simulate.site import lay_out

    try:
        if meter:
            from drivers.sim.dlt645_habits import Habits
            from gateway.simulate.single import Bench
            from gateway.simulate.single import run as run_bench

            habits = Habits(edition or "", preamble, "00" if zeros else "FF", counts=True)
            known, manners = _profile(profile), {kind: float(chance) for kind, chance in _pairs(manner, "KIND=CHANCE")}
            values = {point: float(value) for point, value in _pairs(holds, "POINT=VALUE")}
            bench = Bench(known, meter, values, port, habits, manners, delay, gap, seed)
            asyncio.run(run_bench(bench, typer.echo))
        elif record is not None:
            site = load(config) if config else None
            wanted = Recording(hours * 3600, period, seed, meters, faults)
            area = site.area if site else None
            written = write(record, by_chance(wanted, area, scenario))
            typer.echo(f"{record}: {written.observations} observations, {written.faults} faults.")
        else:
            if not config:
                config = lay_out(folder)
                typer.echo(f"to read it: taiqu run --config {folder / config.name}")
            site = load(config)
            playing = Playing(site, load_scenario(scenario, site.area) if scenario else CALM, speed, seed)
            asyncio.run(run(playing, typer.echo))
    except (SettingsError, RecordingError, ValueError, LookupError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


def _profile(name: str) -> "Profile":
    """A profile of the product, or one that is being written: the path of its file."""
    from drivers.profile import ProfileError, product_profiles, read_profile

    shipped = product_profiles()
    try:
        return read_profile(name, shipped[name] if name in shipped else Path(name).read_text(encoding="utf-8"))
    except ProfileError as error:
        raise ValueError(str(error)) from error
    except FileNotFoundError as error:
        raise ValueError(f"there is no profile {name!r}; `taiqu profiles` lists them") from error


def _pairs(words: list[str] | None, form: str) -> list[tuple[str, str]]:
    pairs = [(name, value) for name, _, value in (word.partition("=") for word in words or ())]
    for name, value in pairs:
        try:
            float(value)
        except ValueError as error:
            raise ValueError(f"{name}={value}: write {form}, a number behind =") from error
    return pairs
