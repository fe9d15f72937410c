"""A gateway that can be ill-treated, and the toll: what was made, what was sent, what arrived.

A process (`source`) observes into a store and sends over a wire to a real broker, where an operator listens.
"""

import asyncio
import contextlib
import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from gateway.settings.models import Mqtt
from gateway.store.look import look
from tests.gateway.north.site import desk
from tests.gateway.north.source import TEN
from tests.proxy import Wire, wire_to
from tests.servers import PATIENCE_S, Heard, Listener, Server, nats_server, started

HEAVY_S, STEADY_S = 0.0, 0.02
"""Pauses of the source between ten observations."""

_SEQUENCE = re.compile(rb'"id":"(\w+)-\d+","source":[^{}]*"sequence":"(\d{12})"')
_ROWS = re.compile(
    rb'/(data|hist)/.{1,40}?\{"gateway":"gw1","line":"[^"]*","store":"(\w+)","seq":\[([\d,]+)\]', re.DOTALL
)


@dataclass(slots=True)
class Toll:
    """What became of everything."""

    made: int  # observations that were on disk
    sent: int  # on the wire, repeats and all
    received: int  # of those that were made
    spoilt: int  # of those that were made, and not sent before the file that held them broke
    incidents_made: int
    incidents_received: int
    counted: int  # rows that the store itself calls lost or shed
    in_order: bool
    sound: bool  # the store, as SQLite judges it
    broken: int  # stores that were set aside
    restarts: int = 0

    @property
    def lost(self) -> int:
        return self.made - self.received - self.spoilt

    @property
    def incidents_lost(self) -> int:
        return self.incidents_made - self.incidents_received

    def __str__(self) -> str:
        spoilt = f" spoilt {self.spoilt}" if self.spoilt else ""
        return (
            f"made {self.made} sent {self.sent} received {self.received} lost {self.lost}{spoilt} repeated"
            f" {max(0, self.sent - self.received)}; incidents {self.incidents_made} lost {self.incidents_lost};"
            f" {'in order' if self.in_order else 'OUT OF ORDER'}; store {'sound' if self.sound else 'BROKEN'}"
        )


@dataclass(slots=True)
class Stage:
    """The source's process, its store, the wire and the broker; each may be ill-treated."""

    path: Path
    broker: Server
    wire: Wire
    pause_s: float = STEADY_S
    chance: random.Random = field(default_factory=lambda: random.Random(6))
    lives: int = 0
    stored: set[int] = field(default_factory=set)  # last numbers of tens that were said to be on disk
    spoilt: set[int] = field(default_factory=set)  # those that were in a file that broke
    _source: "subprocess.Popen[str] | None" = None
    _news: threading.Condition = field(default_factory=threading.Condition)

    def start(self) -> None:
        """One more life of the gateway. Its numbers are its own."""
        self.lives += 1
        command = [sys.executable, "-m", "tests.gateway.north.source", str(self.path), str(self.wire.port)]
        self._source = subprocess.Popen(
            [*command, str(self.lives * 1_000_000), str(self.pause_s)], stdout=subprocess.PIPE, text=True
        )
        threading.Thread(target=self._listen, args=(self._source,), daemon=True).start()

    def more(self, tens: int) -> None:
        """Return when so many more are on disk."""
        wanted = len(self.stored) + tens
        with self._news:
            if not self._news.wait_for(lambda: len(self.stored) >= wanted, PATIENCE_S):
                raise TimeoutError(f"the source has stored {len(self.stored)} of {wanted}")

    def kill(self) -> None:
        """kill -9; what it had said before counts."""
        if self._source is not None:
            self._source.kill()
            self._source.wait(PATIENCE_S)
            self._source = None

    def tell(self, number: signal.Signals) -> None:
        if self._source is not None:
            self._source.send_signal(number)

    def tear_log(self) -> None:
        """The power went in the middle of a write: the log ends with a part of what nobody was told is there."""
        with Path(f"{self.path}-wal").open("ab") as log:
            log.write(self.chance.randbytes(self.chance.randrange(1, 9000)))

    def _listen(self, source: "subprocess.Popen[str]") -> None:
        assert source.stdout is not None
        for line in source.stdout:
            with self._news:
                if line.endswith("\n"):
                    self.stored.add(int(line))
                self._news.notify_all()


def kill_and_kill(folder: Path, kills: int, both: bool, chance: random.Random) -> Toll:
    """kill -9 at random moments of a loaded run; `both`: of the broker too, every other time."""
    with (
        started(nats_server(folder)) as broker,
        wire_to(broker.port) as wire,
        closing(Listener(broker.port)) as listener,
    ):
        stage = Stage(folder / "a.db", broker, wire, HEAVY_S)
        for life in range(kills):
            if down := both and life % 2 == 1:
                broker.kill()
            stage.start()
            stage.more(chance.randrange(1, 60))
            if down:
                broker.start()
            stage.kill()
        return reckon(stage, listener)


def reckon(stage: Stage, listener: Listener) -> Toll:
    """Let a last life deliver what waits, and compare."""
    counted = asyncio.run(_deliver(stage))
    made, owed = _tens(stage.stored), _tens(stage.stored - stage.spoilt)
    with contextlib.suppress(TimeoutError):
        listener.until(lambda heard: owed <= _numbers(heard) and stage.stored - stage.spoilt <= _incidents(heard))
    said, heard = stage.wire.said, list(listener.heard)
    missing, untold = made - _numbers(heard), stage.stored - _incidents(heard)
    rows = [(kind, store, int(one)) for kind, store, ids in _ROWS.findall(said) for one in ids.split(b",")]
    events = [(store, int(one)) for store, one in _SEQUENCE.findall(said)]
    with closing(sqlite3.connect(stage.path)) as db:
        sound = db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    return Toll(
        made=len(made),
        sent=len(rows),
        received=len(made - missing),
        spoilt=len(missing - owed),
        incidents_made=len(stage.stored),
        incidents_received=len(stage.stored - untold | untold & stage.spoilt),
        counted=counted,
        in_order=_rises(events) and _rises([((kind, store), one) for kind, store, one in rows]),
        sound=sound,
        broken=len(list(stage.path.parent.glob("*.broken-*[0-9Z]"))),
        restarts=stage.lives - 1,
    )


async def _deliver(stage: Stage) -> int:
    async with desk(stage.path, Mqtt(port=stage.wire.port, together_s=0.05, keepalive_s=1)) as gateway:
        await gateway.until(lambda: gateway.waiting() == 0)
        figures = gateway.store.figures()
    return figures.lost + sum(figures.shed.values()) + sum(look(stage.path).shed.values())


def _tens(last: set[int]) -> set[int]:
    """All numbers of the tens that end with these."""
    return {number - less for number in last for less in range(TEN)}


def _numbers(heard: list[Heard]) -> set[int]:
    return {
        int(row["values"]["voltage"])
        for message in heard
        if "/data/" in message.topic or "/hist/" in message.topic
        for row in message.data["observations"]
    }


def _incidents(heard: list[Heard]) -> set[int]:
    """By number: the last one that was observed before."""
    return {int(message.data["subject"][1:]) for message in heard if "/event/" in message.topic}


def _rises(rows: list[tuple[object, int]]) -> bool:
    """Whether of each key the numbers rise, repeats aside."""
    by_key: dict[object, list[int]] = {}
    for key, number in dict.fromkeys(rows):
        by_key.setdefault(key, []).append(number)
    return all(before < after for numbers in by_key.values() for before, after in pairwise(numbers))
