"""`taiqu replay`: runs a recording through the rules and says what they found."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.options import Json, Rules, counted, thresholds_of, unusable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from gateway.recording import Recording
    from gateway.replay import Replayed
    from rules.incident import Verdict

Folder = Annotated[Path, typer.Argument(help="The recording: a folder with area.json and observations.jsonl.gz.")]
Events = Annotated[Path | None, typer.Option("--events", help="Write every incident and verdict here, a line each.")]
Explain = Annotated[
    str | None, typer.Option("--explain", help="Print this incident's life and the readings behind it.")
]
Plot = Annotated[
    Path | None, typer.Option("--plot", help="Draw voltages and incidents into this file, an .svg or a .png.")
]


def replay(
    folder: Folder,
    events: Events = None,
    rules: Rules = None,
    explain: Explain = None,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    """Run a recording through the rules at full speed and print what was found.

    Example: taiqu replay recordings/2026-03-01 --plot day.png
    """
    from time import perf_counter

    import orjson

    from gateway.plot import PictureError
    from gateway.recording import RecordingError, open_recording

    thresholds = thresholds_of(rules)
    began = perf_counter()
    try:
        recording = open_recording(folder)
        came = _replayed(recording, thresholds, events, plot)
    except (RecordingError, PictureError, OSError) as error:
        typer.echo(unusable(error) if isinstance(error, OSError) else str(error), err=True)
        raise typer.Exit(2) from error
    took = perf_counter() - began
    if explain is not None:
        from gateway.cli.explained import explained

        explained(recording, came, explain, as_json=as_json)
    elif as_json:
        rows = {"found": came.found, "verdicts": came.verdicts, "observations": came.observations}
        typer.echo(orjson.dumps(rows | {"seconds": round(took, 3)}).decode())
    else:
        _print(came, took)


def _replayed(
    recording: "Recording", thresholds: "Mapping[str, Mapping[str, float]]", events: Path | None, plot: Path | None
) -> "Replayed":
    """What came of a recording, with what was wanted of it in files. Raises RecordingError, PictureError, OSError."""
    import gc
    from contextlib import ExitStack

    import orjson

    from gateway.plot import Voltages, draw, drawer
    from gateway.replay import replay as run
    from rules.thresholds import complete

    gc.set_threshold(50_000)  # hardly any garbage is cyclic here, and looking for it costs a tenth of the time
    draws = drawer(plot) if plot else None
    voltages = Voltages(recording) if plot else None
    with ExitStack() as files:
        write = files.enter_context(events.open("wb")).write if events else None
        came = run(
            recording,
            thresholds,
            lambda said: write(orjson.dumps(said) + b"\n") if write else None,
            voltages.take if voltages else None,
        )
    if plot and draws and voltages:
        own = complete(thresholds)["voltage"]
        limits = [own[name] * recording.area.nominal_voltage for name in ("low_share", "high_share")]
        plot.write_bytes(draws(draw(voltages, came.found, limits)))
    return came


def _print(came: "Replayed", took: float) -> None:
    from gateway.console import console

    terminal = console()
    if came.found:
        terminal.print(_incidents(came))
        terminal.print()
    if came.verdicts:
        terminal.print(_calls(came.verdicts))
        terminal.print()
    calls = f", {counted(len(came.verdicts), 'call')} judged" if came.verdicts else ""
    rate = came.observations / took if took else 0.0
    terminal.print(
        f"{counted(len(came.found), 'incident')} in {counted(came.observations, 'observation')}{calls}; "
        f"{took:.1f} s, {rate:,.0f} observations/s"
    )


def _incidents(came: "Replayed") -> "Table":
    from rich.table import Table

    from gateway.cli.explained import where
    from gateway.clock import iso

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("incident", "what", "where", "phases", "meters", "began, UTC", "known after", "over"):
        table.add_column(title, no_wrap=title != "where")
    for incident in came.found:
        table.add_row(
            incident.id,
            incident.type,
            where(incident),
            incident.phases,
            str(len(incident.devices)),
            iso(incident.started_at)[:19],
            f"{came.confirmed_at[incident.id] - incident.started_at:.0f} s",
            iso(incident.ended_at)[11:19] if incident.ended_at else "",
        )
    return table


def _calls(verdicts: "Sequence[Verdict]") -> "Table":
    from rich.table import Table

    from gateway.clock import iso

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("call", "at, UTC", "verdict", "where", "incident", "because"):
        table.add_column(title, no_wrap=title != "because")
    for one in verdicts:
        because = "; ".join(one.evidence)
        table.add_row(one.report, iso(one.at)[:19], one.verdict, one.node or "", one.incident or "", because)
    return table
