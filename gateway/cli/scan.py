"""`taiqu scan`: finds the DL/T 645 meters on a line, also where many answer at once."""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, NamedTuple, NoReturn

import typer

from gateway.cli.options import Json

if TYPE_CHECKING:
    from drivers.dlt645.services.search import Progress
    from gateway.errand import Errand

EDITIONS = ("2007", "1997")
USUAL_BAUDS = "2400,9600,4800,1200"
GUARD_S = 0.005
"""After silence: an answer that is later than the timeout says whose it is and does not mislead the search."""


class Found(NamedTuple):
    """A meter, and how it was spoken to."""

    address: str
    edition: str
    baud: int
    doubled: bool = False  # several meters answer to this address


def scan(
    port: Annotated[str, typer.Argument(help="/dev/ttyUSB0, or tcp://host:port of a serial server.")],
    bauds: Annotated[str, typer.Option(help="Baud rates to try, in this order.")] = USUAL_BAUDS,
    editions: Annotated[str, typer.Option(help="Editions to try, in this order.")] = ",".join(EDITIONS),
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds to wait for an answer.")] = 0.6,
    thorough: Annotated[bool, typer.Option(help="Look behind loud meters too; takes minutes a meter.")] = False,
    as_json: Json = False,
) -> None:
    """Find the DL/T 645 meters on a line by shrinking wildcard addresses.

    A meter alone takes two questions at its baud rate. Where answers collide, each pair of digits takes a hundred
    more: some minutes for forty meters. Exit status 1 when nobody was found. The service must not hold the port.

    Example: taiqu scan /dev/ttyUSB0 --bauds 2400,9600
    """
    import asyncio

    from gateway.south.link.api import LinkError

    if port.startswith("modbus-tcp://"):
        _wrong(f"{port}: only DL/T 645 meters can be searched for; a Modbus TCP endpoint has none")
    wanted = [edition.strip() for edition in editions.split(",")]
    if unknown := sorted(set(wanted) - set(EDITIONS)):
        _wrong(f"there is no edition {unknown[0]!r}; there are {' and '.join(EDITIONS)}")
    try:
        found = asyncio.run(_scan(port, _rates(bauds), wanted, timeout, thorough))
    except (LinkError, ValueError) as error:
        _wrong(str(error))
    _show(found, as_json)
    if not found:
        typer.echo(f"{port}: nobody answers; look at the wires A and B, and try other --bauds", err=True)
        raise typer.Exit(1)


async def _scan(
    port: str, rates: Sequence[int], editions: Sequence[str], timeout_s: float, thorough: bool
) -> list[Found]:
    from gateway.clock import SystemClock
    from gateway.errand import Errand
    from gateway.south.link.ports import link_to

    clock = SystemClock()
    errand = Errand(link_to(port, clock), clock)
    try:
        await errand.open()
        return await find_meters(errand, rates, editions, timeout_s, thorough)
    finally:
        errand.close()


async def find_meters(
    errand: "Errand", rates: Sequence[int], editions: Sequence[str], timeout_s: float, thorough: bool = False
) -> list[Found]:
    """All meters on an open line, at each baud rate and in each edition. Raises LinkError."""
    from drivers.api import LineSettings
    from drivers.dlt645.services.search import Progress, search

    found: list[Found] = []
    for baud in rates:
        for edition in editions:
            progress = Progress()
            script, shown = search(progress, edition, thorough), _progress(progress, edition, baud)
            settings = LineSettings(baud, parity="even")
            await errand.carry(script, settings, timeout_s, retries=0, guard_s=GUARD_S, progress=shown)
            found += [Found(address, edition, baud) for address in progress.found]
            found += [Found(address, edition, baud, doubled=True) for address in progress.doubled]
    return found


def _progress(progress: "Progress", edition: str, baud: int) -> Callable[[], None]:
    """Shows how far the search is, where a person watches."""

    def show() -> None:
        if sys.stderr.isatty():
            counts = f"{progress.asked} asked, {len(progress.found)} found"
            typer.echo(f"\r\x1b[K{baud} baud, edition {edition}: {progress.pattern}, {counts}", err=True, nl=False)

    return show


def _show(found: Sequence[Found], as_json: bool) -> None:
    if sys.stderr.isatty():
        typer.echo("\r\x1b[K", err=True, nl=False)
    if as_json:
        import orjson

        typer.echo(orjson.dumps([one._asdict() for one in found]))
        return
    for one in found:
        note = ", several meters have this address" if one.doubled else ""
        typer.echo(f"{one.address}  edition {one.edition}  {one.baud} baud{note}")


def _rates(text: str) -> list[int]:
    from drivers.profile import BAUD_RATES

    words = [word.strip() for word in text.split(",")]
    if wrong := [word for word in words if not word.isdigit() or int(word) not in BAUD_RATES]:
        _wrong(f"{wrong[0]!r} is no baud rate; there are {', '.join(map(str, BAUD_RATES))}")
    return [int(word) for word in words]


def _wrong(says: str) -> NoReturn:
    typer.echo(says, err=True)
    raise typer.Exit(2)
