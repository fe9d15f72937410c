"""`taiqu simulate`: a transformer area on pseudo terminals and TCP for any master to read, or a recording of one."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from drivers.api import Profile
    from gateway.simulate.record import Recording
    from gateway.simulate.single import Bench

SINGLE = "Single meters, for any master to read"

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Simulate the site of this gateway.toml; its ports must be free names."),
]
Scenario = Annotated[Path | None, typer.Option("--scenario", "-s", help="Faults to play, as TOML.")]
Folder = Annotated[Path, typer.Option(help="Without --config: where a site is laid out.")]
Speed = Annotated[float, typer.Option(min=0.1, help="Play the scenario so many times as fast.")]
Seed = Annotated[int, typer.Option(help="Which customers live in the area, and everything else by chance.")]
Record = Annotated[
    Path | None, typer.Option(help="Open no port: write a recording with its truth to this folder, at full speed.")
]
Hours = Annotated[float, typer.Option(min=0.1, help="With --record: how long it is.")]
Period = Annotated[float, typer.Option(min=1, help="With --record: seconds between two polls of a device.")]
Meters = Annotated[int, typer.Option(min=1, help="With --record, without --config: how many meters.")]
Faults = Annotated[int, typer.Option(min=0, help="With --record, without --scenario: how many by chance.")]
Addresses = Annotated[
    list[str] | None,
    typer.Option(
        "--meter",
        metavar="ADDRESS",
        help="No area: a meter with this address; several share a port.",
        rich_help_panel=SINGLE,
    ),
]
ProfileName = Annotated[str, typer.Option(help="What the meters are.", rich_help_panel=SINGLE)]
Port = Annotated[
    str, typer.Option(help="tcp://127.0.0.1:5020, or a path to find the pseudo terminal by.", rich_help_panel=SINGLE)
]
Holds = Annotated[list[str] | None, typer.Option(metavar="POINT=VALUE", help="What they hold.", rich_help_panel=SINGLE)]
Edition = Annotated[Literal["2007", "1997"] | None, typer.Option(help="Answers no other.", rich_help_panel=SINGLE)]
Zeros = Annotated[bool, typer.Option("--zeros", help="0000 instead of FFFF for no value.", rich_help_panel=SINGLE)]
Preamble = Annotated[bool, typer.Option("--needs-preamble", help="Deaf without FE.", rich_help_panel=SINGLE)]
Delay = Annotated[float, typer.Option(min=0, help="Seconds before an answer.", rich_help_panel=SINGLE)]
Gap = Annotated[float, typer.Option(min=0, help="Seconds between its bytes.", rich_help_panel=SINGLE)]
Manner = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KIND=CHANCE",
        help="silent, cut, spoilt, noise_before, noise_after, echo, twice, repeats_last; 0 to 1.",
        rich_help_panel=SINGLE,
    ),
]


def simulate(
    config: Config = None,
    scenario: Scenario = None,
    folder: Folder = Path("simulated"),
    speed: Speed = 1.0,
    seed: Seed = 0,
    record: Record = None,
    hours: Hours = 6.0,
    period: Period = 60.0,
    meters: Meters = 60,
    faults: Faults = 4,
    addresses: Addresses = None,
    profile: ProfileName = "dlt645-2007-3p",
    port: Port = "",
    holds: Holds = None,
    edition: Edition = None,
    zeros: Zeros = False,
    preamble: Preamble = False,
    delay: Delay = 0.02,
    gap: Gap = 0.0,
    manner: Manner = None,
) -> None:
    """Run an area on ports of this machine until Ctrl-C, and print which line is where; or record one.

    Examples: taiqu simulate --scenario faults.toml, then taiqu run --config simulated/gateway.toml;
    taiqu simulate --record area-7 --seed 7 --meters 100, then taiqu replay area-7;
    taiqu simulate --meter 202611000042 --holds voltage_a=231.2 --port tcp://127.0.0.1:5020 --manner cut=0.1
    """
    from drivers.sim.dlt645_habits import Habits
    from gateway.recording import RecordingError
    from gateway.settings import SettingsError
    from gateway.simulate.record import Recording
    from gateway.simulate.single import Bench

    try:
        if addresses:
            habits = Habits(edition or "", preamble, "00" if zeros else "FF", counts=True)
            values, manners = _numbers(holds, "POINT=VALUE"), _numbers(manner, "KIND=CHANCE")
            _stand_alone(Bench(_profile(profile), addresses, values, port, habits, manners, delay, gap, seed))
        elif record is not None:
            _record(record, Recording(hours * 3600, period, seed, meters, faults), config, scenario)
        else:
            _play(config, scenario, folder, speed, seed)
    except (SettingsError, RecordingError, ValueError, LookupError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


def _stand_alone(bench: "Bench") -> None:
    from gateway.simulate.single import run

    asyncio.run(run(bench, typer.echo))


def _record(folder: Path, wanted: "Recording", config: Path | None, scenario: Path | None) -> None:
    from gateway.settings import load
    from gateway.simulate.record import by_chance, write

    written = write(folder, by_chance(wanted, load(config).area if config else None, scenario))
    typer.echo(f"{folder}: {written.observations} observations, {written.faults} faults.")


def _play(config: Path | None, scenario: Path | None, folder: Path, speed: float, seed: int) -> None:
    from gateway.settings import load
    from gateway.simulate import scenario as scenarios
    from gateway.simulate.play import Playing, run
    from gateway.simulate.site import lay_out

    if not config:
        config = lay_out(folder)
        typer.echo(f"to read it: taiqu run --config {folder / config.name}")
    site = load(config)
    what = scenarios.load(scenario, site.area) if scenario else scenarios.CALM
    asyncio.run(run(Playing(site, what, speed, seed), typer.echo))


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


def _numbers(words: list[str] | None, form: str) -> dict[str, float]:
    found = {}
    for name, _, value in (word.partition("=") for word in words or ()):
        try:
            found[name] = float(value)
        except ValueError as error:
            raise ValueError(f"{name}={value}: write {form}, a number behind =") from error
    return found
