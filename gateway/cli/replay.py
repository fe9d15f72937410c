"""`taiqu replay`: runs a recording through the rules and says what they found."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.options import Json, counted, unusable

if TYPE_CHECKING:
    from gateway.replay import Replayed
    from rules.incident import Incident

Folder = Annotated[Path, typer.Argument(help="The recording: a folder with area.json and observations.jsonl.gz.")]
Events = Annotated[Path | None, typer.Option("--events", help="Write every incident and verdict here, a line each.")]
Rules = Annotated[Path | None, typer.Option("--rules", help="A rules.toml with other thresholds.")]
Explain = Annotated[str | None, typer.Option("--explain", help="Print the whole life of this incident (its id).")]
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
    import gc
    from contextlib import ExitStack
    from time import perf_counter

    import orjson

    from gateway.plot import PictureError, Voltages, draw, drawer
    from gateway.recording import RecordingError, open_recording
    from gateway.replay import replay as run
    from rules.thresholds import complete

    thresholds = _thresholds(rules)
    began = perf_counter()
    gc.set_threshold(50_000)  # hardly any garbage is cyclic here, and looking for it costs a tenth of the time
    try:
        draws = drawer(plot) if plot else None
        recording = open_recording(folder)
        with ExitStack() as files:
            write = files.enter_context(events.open("wb")).write if events else None
            voltages = Voltages(recording) if plot else None
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
    except (RecordingError, PictureError, OSError) as error:
        typer.echo(unusable(error) if isinstance(error, OSError) else str(error), err=True)
        raise typer.Exit(2) from error
    took = perf_counter() - began
    if explain is not None:
        _explain(came, explain)
    elif as_json:
        rows = {"found": came.found, "verdicts": came.verdicts, "observations": came.observations}
        typer.echo(orjson.dumps(rows | {"seconds": round(took, 3)}).decode())
    else:
        _table(came, took)


def _thresholds(path: Path | None) -> dict[str, dict[str, float]]:
    if path is None:
        return {}
    import tomllib

    from rules import thresholds

    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        typer.echo(unusable(error) if isinstance(error, OSError) else f"{path}: {error}", err=True)
        raise typer.Exit(2) from error
    for rule, key, says in (faults := thresholds.faults(table)):
        typer.echo(f"{path}: {rule}{f'.{key}' if key else ''}: {says}", err=True)
    if faults:
        raise typer.Exit(2)
    return table


def _table(came: "Replayed", took: float) -> None:
    from rich.console import Console
    from rich.table import Table

    from gateway.clock import iso

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("incident", "what", "where", "phases", "meters", "began", "known after", "over"):
        table.add_column(title, no_wrap=title != "where")
    for incident in came.found:
        table.add_row(
            incident.id,
            incident.type,
            _where(incident),
            incident.phases,
            str(len(incident.devices)),
            iso(incident.started_at)[:19],
            f"{came.confirmed_at[incident.id] - incident.started_at:.0f} s",
            iso(incident.ended_at)[11:19] if incident.ended_at else "",
        )
    console = Console(width=None if Console().is_terminal else 160)
    if came.found:
        console.print(table)
    calls = f", {counted(len(came.verdicts), 'call')} judged" if came.verdicts else ""
    rate = came.observations / took if took else 0.0
    console.print(
        f"{counted(len(came.found), 'incident')} in {counted(came.observations, 'observation')}{calls}; "
        f"{took:.1f} s, {rate:,.0f} observations/s",
        highlight=False,
    )


def _where(incident: "Incident") -> str:
    return f"{incident.node} (or {', '.join(incident.equivalents)})" if incident.equivalents else incident.node


def _explain(came: "Replayed", name: str) -> None:
    from gateway.clock import iso

    if name not in came.said:
        known = ", ".join(incident.id for incident in came.found) or "none"
        typer.echo(f"there is no incident {name!r} in this recording; confirmed ones are: {known}", err=True)
        raise typer.Exit(2)
    for incident in came.said[name]:
        phases = f" phase {incident.phases}" if incident.phases else ""
        typer.echo(
            f"{iso(incident.at)} {incident.reason}: {incident.type} at {_where(incident)}{phases}, {incident.state}"
        )
        typer.echo(f"    confidence {incident.confidence:.2f}, {len(incident.devices)} meters")
        for sentence in incident.evidence:
            typer.echo(f"    {sentence}")
        if incident.figures:
            typer.echo("    " + ", ".join(f"{key} {value:g}" for key, value in incident.figures.items()))
