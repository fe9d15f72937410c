"""`taiqu frame`: explains frames in words."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.hextext import hex_bytes
from gateway.cli.options import Json

if TYPE_CHECKING:
    from gateway.explain import Found


def frame(
    words: Annotated[list[str] | None, typer.Argument(metavar="HEX...", help="Bytes in hex.")] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="A log or a dump; - is standard input.")] = None,
    as_json: Json = False,
) -> None:
    """Explain DL/T 645 and Modbus frames in words.

    Bytes come from the arguments, from a file or from standard input; text around them, noise and several frames in
    a row are fine. Exit status 2 when there is no good frame in them.

    Example: taiqu frame 68 12 90 78 56 34 12 68 91 06 33 34 34 35 38 56 7B 16
    """
    from gateway.explain import explained

    data = hex_bytes(" ".join(words) if words else _read(file))
    found = explained(data)
    good = [one for one in found if not one.broken]
    if not good:
        typer.echo(_nothing(data, found), err=True)
        raise typer.Exit(2)
    if as_json:
        import orjson

        rows = [_row(one) for one in good]
        typer.echo(orjson.dumps(rows[0] if words and len(rows) == 1 else rows))
        return
    for one in good:
        typer.echo("\n".join(_lines(one, alone=len(good) == 1)))


def _read(file: Path | None) -> str:
    if file is None and sys.stdin.isatty():
        typer.echo("give bytes in hex, or --file FILE, or a log on standard input; see taiqu frame --help", err=True)
        raise typer.Exit(2)
    if file is None or str(file) == "-":
        return sys.stdin.buffer.read().decode("utf-8", "replace")
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        typer.echo(f"{file}: {error.strerror}", err=True)
        raise typer.Exit(2) from error


def _nothing(data: bytes, found: "list[Found]") -> str:
    """What is wrong, where, and what to do, in one line."""
    from drivers import registry

    if found:
        return f"byte {found[0].at}: {found[0].frame.summary}"
    if not data:
        return "there is no byte in hex; write them as 68 12 90 or 681290"
    return (
        f"bytes 0 to {len(data) - 1}: no frame of {', '.join(registry.protocols())} in {data[:8].hex(' ').upper()}..."
    )


def _row(one: "Found") -> dict[str, object]:
    frame = one.frame
    return {"protocol": frame.protocol, **frame.fields, "summary": frame.summary, "at": one.at, "raw": frame.raw.hex()}


def _lines(one: "Found", alone: bool) -> list[str]:
    """The sentence, and for a frame alone what it is made of."""
    lines = [one.frame.summary]
    if alone:
        shown = {key: value for key, value in one.frame.fields.items() if isinstance(value, str | int) and value != ""}
        lines += [f"    {key:14} {value}" for key, value in {"protocol": one.frame.protocol, **shown}.items()]
    return lines
