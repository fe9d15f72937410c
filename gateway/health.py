"""Tells systemd how the service is. The watchdog is fed only while every line and the store make progress."""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

log = logging.getLogger(__name__)

BEAT_S = 10.0
"""How often the status is told where no watchdog asks for more."""


class Systemd:
    """The service manager, if there is one: datagrams to $NOTIFY_SOCKET (sd_notify(3))."""

    def __init__(self, address: str | None = None) -> None:
        """`address`: where the manager listens; None: as the environment says."""
        self._address = os.environ.get("NOTIFY_SOCKET", "") if address is None else address

    def tell(self, *words: str) -> None:
        """Send words such as READY=1. A manager that does not listen is none of the service's worries."""
        if not self._address:
            return
        where = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as wire:
                wire.setblocking(False)
                wire.sendto("\n".join(words).encode(), where)
        except OSError as error:
            log.debug("systemd does not listen at %s: %s", self._address, error)

    @property
    def watchdog_s(self) -> float | None:
        """Within how many seconds the manager wants a sign of life; None: it does not."""
        text = os.environ.get("WATCHDOG_USEC", "")
        return int(text) / 1e6 if text.isdecimal() and int(text) else None


@dataclass(frozen=True, slots=True)
class Progress:
    """Something that has to move on."""

    name: str  # as the log should call it
    count: Callable[[], object]  # changes whenever it moves
    within_s: float  # it is stuck when it has not moved for so long


class Health:
    """Watches progress and tells the service manager."""

    def __init__(
        self,
        systemd: Systemd,
        watched: Sequence[Progress],
        status: Callable[[], str],
        last_words: Callable[[], Sequence[str]] = lambda: ("STOPPING=1",),
    ) -> None:
        """`status`: one line for `systemctl status`; `last_words`: what the manager is told at the end."""
        self._systemd, self._watched, self._status, self._last_words = systemd, watched, status, last_words
        self._moved: dict[str, tuple[object, float]] = {}
        self._stuck: tuple[str, ...] = ()

    async def run(self) -> None:
        """Say that the service is ready, then feed the watchdog until cancelled."""
        self._systemd.tell("READY=1", f"STATUS={self._status()}")
        beat = min(BEAT_S, (self._systemd.watchdog_s or 4 * BEAT_S) / 4)
        try:
            while True:
                self.beat(asyncio.get_running_loop().time())
                await asyncio.sleep(beat)
        finally:
            self._systemd.tell(*self._last_words())

    def beat(self, now: float) -> None:
        """One look at everything; `now` is the loop's time."""
        stuck = self.stuck(now)
        if stuck and stuck != self._stuck:
            log.error("no progress: %s; the watchdog is not fed", ", ".join(stuck))
        self._stuck = stuck
        if stuck:
            self._systemd.tell(f"STATUS=no progress: {', '.join(stuck)}")
        else:
            self._systemd.tell("WATCHDOG=1", f"STATUS={self._status()}")

    def stuck(self, now: float) -> tuple[str, ...]:
        """Names of what has not moved for too long."""
        names = []
        for part in self._watched:
            count = part.count()
            before, since = self._moved.get(part.name, (object(), now))
            if count != before:
                self._moved[part.name] = (count, now)
            elif now - since > part.within_s:
                names.append(part.name)
        return tuple(names)
