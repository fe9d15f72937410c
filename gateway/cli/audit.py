"""`taiqu audit`: lists the audit log, and says whether anybody has changed it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.options import Config, Json, counted, unusable

if TYPE_CHECKING:
    from gateway.control.chain import Record
    from gateway.settings.models import Site

Files = Annotated[list[Path] | None, typer.Argument(help="Files of one log, in order. Default: those of the site.")]
Anchor = Annotated[str, typer.Option(help="A hash that was published: it has to stand in the log.")]


Anew = Annotated[str, typer.Option(metavar="REASON", help="Set the site's broken log aside, and say why.")]


def audit(
    files: Files = None,
    config: Config = Path("config/gateway.toml"),
    anchor: Anchor = "",
    begin_anew: Anew = "",
    as_json: Json = False,
) -> None:
    """List who changed which device, and check that no record was changed, put in or taken out.

    Example: taiqu audit /var/lib/taiqu-gateway/audit-1.log --anchor 4f1d...

    The gateway publishes every record on MQTT (`audit`), with its hash. Whoever writes the whole log anew, or cuts
    off its end, is found out by a hash that was published before. Exit status 1: the log was tampered with.

    While a log is broken nobody can change a device. After a look, and with the service stopped, --begin-anew sets it
    aside; the new one follows what was published last, and begins with the reason.
    """
    if begin_anew:
        _begin_anew(config, begin_anew)
        return
    from gateway.control.chain import HASH, ChainError, records

    if anchor and not HASH.fullmatch(anchor.lower()):
        typer.echo(f"--anchor {anchor}: is no hash; one has 64 hexadecimal digits", err=True)
        raise typer.Exit(2)
    anchored, count, last = not anchor, 0, None
    try:
        for last in records(files or _of_site(config)):
            count += 1
            anchored = anchored or last.hash == anchor.lower()
            typer.echo(_as_json(last) if as_json else _as_text(last))
    except ChainError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    except OSError as error:
        typer.echo(unusable(error), err=True)
        raise typer.Exit(2) from error
    if last is None:
        typer.echo("there is no record in it: a log begins with one, so it was emptied, or is none", err=True)
        raise typer.Exit(1)
    if not anchored:
        typer.echo(f"no record has the hash {anchor}: the log was written anew, or its end was cut off", err=True)
        raise typer.Exit(1)
    if not as_json:
        typer.echo(f"{counted(count, 'record')}, each follows the one before; head {last.hash}")


def _site(config: Path) -> "Site":
    from gateway.settings import SettingsError, load

    try:
        return load(config)
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


def _begin_anew(config: Path, reason: str) -> None:
    from gateway.clock import SystemClock
    from gateway.control.audit import AuditError, AuditFile, Head
    from gateway.control.chain import NOTHING
    from gateway.control.start import HEAD, head_of
    from gateway.store import StoreError
    from gateway.store.file import Lock
    from gateway.store.look import state_items

    path = _site(config).store.path
    try:
        lock = Lock(path)
        known = head_of(state_items(path, HEAD).get(HEAD)) or Head(0, NOTHING)
        log = AuditFile(path.parent, SystemClock(), 1)
        record = log.begin_anew(known, reason)
        log.close()
        lock.release()
    except (StoreError, AuditError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(f"record {record.seq} begins the log anew; set aside: {', '.join(record.told['file']) or 'nothing'}")


def _of_site(config: Path) -> list[Path]:
    from gateway.control.chain import files

    folder = _site(config).store.path.parent
    found = files(folder)
    if not found:
        typer.echo(f"{folder} holds no audit log; there is one as soon as [control] is configured", err=True)
        raise typer.Exit(2)
    return found


def _as_text(record: "Record") -> str:
    """One line: who, what, of which device, and the rest as it was written."""
    told = dict(record.told)
    first = [str(told.pop(key)) for key in ("operator", "action", "device") if told.get(key)]
    rest = [f"{key}={value}" for key, value in told.items() if value != ""]
    return "  ".join([f"{record.seq:>6}", record.at, f"{record.what:<11}", *first, *rest])


def _as_json(record: "Record") -> str:
    from gateway.control.audit import published

    return published(record).decode()
