"""The demo: plays a scenario against the real gateway, shows what it does and hears, and gives the verdict."""

import asyncio
import contextlib
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.live import Live

from gateway.console import Console
from gateway.simulate import view
from gateway.simulate.board import Board
from gateway.simulate.judge import Result
from gateway.simulate.stage import Stage, raised, read_in

FRAME_S = 0.25
LAST_WORDS_S = 8.0
"""How long the demo listens on after the scenario, at most, for incidents that are still to be cleared."""

Show = Callable[[], None]


async def play(console: Console, keep: bool = False, plain: bool = False) -> Result | None:
    """Play the demo; None when it was interrupted before its end.

    Raises LookupError when there is no broker, RuntimeError when a program does not come up.
    """
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    boards: list[Board] = []

    def hear(topic: str, payload: Any) -> None:
        for board in boards:
            said = board.hear(topic, payload)
            if said is not None and plain:
                words = view.line(said, board.incidents[said.id])
                _line(console, f"{board.second:5.1f} s  gateway: {words}")

    _line(console, "Starting a broker (nats-server), a simulated area on pseudo terminals, and the gateway ...")
    with tempfile.TemporaryDirectory(prefix="taiqu-demo-") as home:
        try:
            async with raised(Path(home), hear) as stage:
                boards.append(stage.board)
                _line(console, _introduction(stage))
                with _shown(console, stage, plain) as show:
                    await _run(stage, show, keep)
        except asyncio.CancelledError:
            if not boards or boards[0].second < boards[0].scenario.length_s:
                return None
        return boards[0].result


async def _run(stage: Stage, show: Show, keep: bool) -> None:
    """Read in, then let the scenario happen."""
    board, loop = stage.board, asyncio.get_running_loop()
    reading = asyncio.create_task(read_in(stage))
    while not reading.done():
        show()
        await asyncio.wait([reading], timeout=FRAME_S)
    await reading
    begin = loop.time()
    while keep or board.second < board.scenario.length_s or not _settled(board):
        board.second = loop.time() - begin
        stage.area.faults = board.scenario.active(board.second)
        show()
        if not stage.gateway.running:
            raise RuntimeError(f"The gateway ended:\n{stage.gateway.last_words()}")
        await asyncio.sleep(FRAME_S)


def _line(console: Console, text: str) -> None:
    """Text as it is, on one line however long."""
    console.print(text, soft_wrap=True)


def _settled(board: Board) -> bool:
    lasting = [row for row in board.incidents.values() if row["state"] in ("suspected", "confirmed")]
    return not lasting or board.second > board.scenario.length_s + LAST_WORDS_S


@contextlib.contextmanager
def _shown(console: Console, stage: Stage, plain: bool) -> Iterator[Show]:
    """A live screen, or lines for what is done to the area."""
    if not plain:
        with Live(console=console, auto_refresh=False, screen=True, transient=True) as live:

            def paint() -> None:
                room = view.Room(console.width, console.height)
                live.update(view.screen(stage.board, _figures(stage), room), refresh=True)

            yield paint
        return
    told: dict[tuple[str, bool], None] = {}

    def tell() -> None:
        board = stage.board
        for episode in board.scenario.episodes:
            over = episode.end_s is not None and board.second >= episode.end_s
            if board.second >= episode.begin_s and (episode.id, over) not in told:
                told[episode.id, over] = None
                words = f"over: {episode.title}" if over else episode.title
                _line(console, f"{board.second:5.1f} s  area:    {words}")

    yield tell


def _introduction(stage: Stage) -> str:
    site = stage.board.site
    meters = sum(device.kind == "meter" for device in site.devices)
    return (
        f"{meters} meters and {len(site.devices) - meters} terminals on {len(site.lines)} lines;"
        f" gateway pid {stage.gateway.pid}; config, store and logs in {stage.config.parent}"
    )


def _figures(stage: Stage) -> str:
    board = stage.board
    silent = sum(seen.fault is not None for seen in board.seen.values())
    return (
        f"{len(board.site.devices)} devices, {silent} silent · {board.observations} observations over MQTT ·"
        f" gateway pid {stage.gateway.pid}, {_resident_mb(stage.gateway.pid):.0f} MB,"
        f" {board.gateway_says or 'starting'} · Ctrl-C ends"
    )


def _resident_mb(pid: int | None) -> float:
    """Resident memory of a process; 0 when it is not there."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0.0
    for row in status.read_text(encoding="utf-8").splitlines():
        if row.startswith("VmRSS:"):
            return int(row.split()[1]) / 1024
    return 0.0
