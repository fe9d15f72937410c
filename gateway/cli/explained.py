"""One incident of a replayed recording in full: what was said of it and when, and the readings behind it."""

from dataclasses import asdict

import orjson
import typer
from rich.table import Table

from gateway.cli.options import counted
from gateway.clock import iso
from gateway.console import console
from gateway.recording import Recording, RecordingError
from gateway.replay import Account, Replayed, Spell, accounts
from rules.incident import Incident

MOST = 40
"""Devices whose readings are printed."""


def explained(recording: Recording, came: Replayed, name: str, *, as_json: bool) -> None:
    """Print an incident's life and the readings behind it. Exits with 2 when there is no such incident."""
    if name not in came.said:
        known = ", ".join(incident.id for incident in came.found) or "none"
        typer.echo(f"there is no incident {name!r} in this recording; confirmed ones are: {known}", err=True)
        raise typer.Exit(2)
    said = came.said[name]
    try:
        heard = accounts(recording, said[-1])
    except RecordingError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    if as_json:
        typer.echo(orjson.dumps({"said": said, "readings": [asdict(one) for one in heard]}).decode())
        return
    _head(said[-1])
    for incident in said:
        _word(incident, said[0].started_at)
    _readings(heard)


def where(incident: Incident) -> str:
    """Its node, and those that no reading can tell from it."""
    return f"{incident.node} (or {', '.join(incident.equivalents)})" if incident.equivalents else incident.node


def _head(incident: Incident) -> None:
    phases = f" phase {incident.phases}" if incident.phases else ""
    scope = f"{counted(len(incident.devices), 'meter')}, {counted(len(incident.customers), 'customer')}"
    typer.echo(f"{incident.id}: {incident.type} at {where(incident)}{phases}, {incident.severity}, {scope}")
    surely = f" (not before {iso(incident.started_after)[11:19]})" if incident.started_after else ""
    over = "lasts at the end of the recording"
    if incident.ended_at is not None:
        over = f"over {iso(incident.ended_at)[:19]}, after {_spell(incident.ended_at - incident.started_at)}"
    typer.echo(f"began {iso(incident.started_at)[:19]}{surely}, {over}; all times UTC")
    if incident.cause:
        typer.echo(f"cause: {incident.cause}")
    if incident.explained_by:
        typer.echo(f"explained by {incident.explained_by}")
    typer.echo("")


def _word(incident: Incident, began: float) -> None:
    """One thing that was said: when, counted from the beginning too, and why."""
    words = f"{incident.reason}, {incident.state}" if incident.reason != incident.state else incident.state
    place = f"{incident.type} at {where(incident)}"
    typer.echo(
        f"{iso(incident.at)[11:19]}  {_spell(incident.at - began):>11}  {words}: {place}, "
        f"{counted(len(incident.devices), 'meter')}, confidence {incident.confidence:.2f}"
    )
    for sentence in incident.evidence:
        typer.echo(f"{'':23}{sentence}")
    if incident.figures:
        typer.echo(f"{'':23}" + ", ".join(f"{key} {value:g}" for key, value in incident.figures.items()))


def _readings(heard: list[Account]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("device", "before: answered, V", "during", "after", "said unasked"):
        table.add_column(title)
    for one in heard[:MOST]:
        notices = ", ".join(f"{notice} {iso(at)[11:19]}" for at, notice in one.notices)
        table.add_row(one.device, *map(_polls, (one.before, one.during, one.after)), notices)
    typer.echo("")
    console().print(table)
    if len(heard) > MOST:
        typer.echo(f"and {len(heard) - MOST} more; --json has all")


def _polls(spell: Spell) -> str:
    """Answers of polls, and between which voltages."""
    if not spell.polls:
        return "not read"
    volts = ""
    if spell.low is not None and spell.high is not None:
        volts = f"  {spell.low:.1f}" + (f" to {spell.high:.1f}" if spell.high - spell.low >= 0.05 else "")
    return f"{spell.answered} of {spell.polls}{volts}"


def _spell(seconds: float) -> str:
    """Seconds in the two largest units: 65 s, 2 min 5 s, 3 h 20 min."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
