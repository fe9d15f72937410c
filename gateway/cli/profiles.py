"""`taiqu profiles`: lists the device profiles, and explains one with its points, its requests and its proof."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.options import Config, Json, counted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from drivers.api import Point, Profile


def profiles(
    name: Annotated[str | None, typer.Argument(help="Explain this profile.")] = None,
    folder: Annotated[
        Path | None, typer.Option("--folder", "-f", help="A folder of profiles, instead of the site's own.")
    ] = None,
    config: Config = Path("config/gateway.toml"),
    as_json: Json = False,
) -> None:
    """List the device profiles, or explain one: its points, what a poll asks for, and the frames that prove it.

    A site adds a profile as a TOML file in its folder of profiles. Exit status 1 when a profile of the folder is
    faulty.

    Examples: taiqu profiles; taiqu profiles eastron-sdm630
    """
    from gateway.settings.profile_files import read_profiles
    from gateway.settings.site_files import profile_folder

    if folder is None:
        folder = profile_folder(config)
    elif not folder.is_dir():
        typer.echo(f"there is no folder {folder}", err=True)
        raise typer.Exit(2)
    known, faults = read_profiles(folder)
    for fault in faults:
        typer.echo(str(fault), err=True)
    if name is None:
        _list(list(known.good.values()), as_json)
    elif name in known.good:
        _explain(known.good[name], as_json)
    elif name not in known.faulty:
        typer.echo(f"there is no profile {name!r}; {_hint(name, list(known.good))}", err=True)
        raise typer.Exit(2)
    if faults:
        raise typer.Exit(1)


def _hint(name: str, known: list[str]) -> str:
    from difflib import get_close_matches

    like = [one for one in known if name.lower() in one] or get_close_matches(name, known, n=3, cutoff=0.4)
    return f"near to it: {', '.join(like)}" if like else "`taiqu profiles` lists them"


def _list(known: "list[Profile]", as_json: bool) -> None:
    if as_json:
        import orjson

        typer.echo(orjson.dumps([_row(profile) for profile in known]).decode())
        return
    for one in known:
        typer.echo(f"{one.name:26} {one.protocol:8} {one.kind:6} {len(one.points):3} points  {one.title}")


def _row(profile: "Profile") -> dict[str, object]:
    return {
        "name": profile.name,
        "protocol": profile.protocol,
        "kind": profile.kind,
        "title": profile.title,
        "points": list(profile.points),
    }


def _explain(profile: "Profile", as_json: bool) -> None:
    from drivers.price import exchanges
    from drivers.profile import prove
    from drivers.registry import driver
    from gateway.catalog import catalog

    speaks = driver(profile.protocol)
    address = profile.vectors[0].address
    requests = exchanges(speaks, profile, address, tuple(profile.points))
    proofs = [(vector.origin, prove(speaks, profile, vector)) for vector in profile.vectors]
    titles = {point: catalog()[point].title for point in profile.points}
    if as_json:
        import orjson

        row = _row(profile) | {
            "line": profile.line,
            "timeout_s": profile.timeout_s,
            "pause_s": profile.pause_s,
            "options": dict(profile.options),
            "points": [{**_point_row(point), "title": titles[point.name]} for point in profile.points.values()],
            "requests": [{"what": one.what, "asked": one.asked, "answered": one.answered} for one in requests],
            "proofs": [{"from": origin, "proven": not says, "says": says} for origin, says in proofs],
        }
        typer.echo(orjson.dumps(row).decode())
        return
    line = profile.line
    typer.echo(f"{profile.name}: {profile.title}")
    frame = f"{line.data_bits}{line.parity[0].upper()}{line.stop_bits}"
    pause = f", {profile.pause_s * 1000:g} ms between frames" if profile.pause_s else ""
    typer.echo(f"  {profile.protocol}, a {profile.kind}; {line.baud} baud, {frame}{pause}")
    if limits := _options(profile.options, but=("notes", "source")):
        typer.echo(f"  {limits}")
    for note in _notes(profile):
        typer.echo(f"  - {note}")
    typer.echo(f"\n  {'point':24} {'where':14} {'format':10} {'unit':6} what it is")
    for point in profile.points.values():
        typer.echo(
            f"  {point.name:24} {point.where:14} {point.format:10} {point.unit:6} {titles[point.name]}{_how(point)}"
        )
    typer.echo(f"\n  One poll of all points: {counted(len(requests), 'request')}")
    for one in requests:
        typer.echo(
            f"  {one.what:20} {one.asked} bytes asked, {one.answered} answered, {counted(len(one.points), 'point')}"
        )
    typer.echo("\n  Proven by")
    for origin, says in proofs:
        typer.echo(f"  {'faulty: ' + says if says else 'good'}  {origin}")


def _notes(profile: "Profile") -> list[str]:
    notes = profile.options.get("notes", [])
    source = profile.options.get("source")
    return [*(map(str, notes) if isinstance(notes, list) else ()), *([f"Source: {source}."] if source else [])]


def _how(point: "Point") -> str:
    """How a raw number becomes the value, beyond the format."""
    scale = f", raw x {point.scale:g}" if point.scale != 1 or point.offset else ""
    options = _options(point.options)
    return scale + (f" {point.offset:+g}" if point.offset else "") + (f", {options}" if options else "")


def _options(options: "Mapping[str, object]", but: "Collection[str]" = ()) -> str:
    """The keys of a driver as a profile writes them."""
    return ", ".join(f"{key} = {_toml(key, value)}" for key, value in options.items() if key not in but)


def _toml(key: str, value: object) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{name} = {_toml(name, one)}' for name, one in value.items())} }}"
    if isinstance(value, int) and not isinstance(value, bool) and key in ("mask", "none"):
        return f"0x{value:X}"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _point_row(point: "Point") -> dict[str, object]:
    return {
        "name": point.name,
        "where": point.where,
        "format": point.format,
        "unit": point.unit,
        "scale": point.scale,
        "offset": point.offset,
        "signed": point.signed,
        "options": dict(point.options),
    }
