"""Bytes on their way from a descriptor to the one reader who waits for them until a time.

One timer serves many waits: a wait that is over leaves it running and the next one moves its end, because a poll
on a fast network lasts less than making and cancelling a timer would cost.
"""

import asyncio
from collections.abc import Callable

from gateway.clock import Clock
from gateway.south.link.api import LinkError


class Inbox:
    """Filled by callbacks of the loop, emptied by one coroutine."""

    __slots__ = ("_bytes", "_clock", "_error", "_loop", "_timer", "_timer_at", "_until", "_waiter", "taker")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._bytes = b""
        self._error: LinkError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self.taker: Callable[[bytes], bool] | None = None  # asked first, when nothing else waits

    def put(self, data: bytes) -> None:
        """Bytes have come."""
        if self.taker is not None and not self._bytes and self.taker(data):
            return
        self._bytes = self._bytes + data if self._bytes else data
        self.rouse()

    def fail(self, error: LinkError) -> None:
        """No bytes will come any more; the first reason stays."""
        self._error = self._error or error
        self.rouse()

    def take(self) -> bytes:
        """All that is there, without waiting."""
        data, self._bytes = self._bytes, b""
        return data

    async def get(self, until: float) -> bytes:
        """What has come, b'' when `until` has passed. Raises LinkError when nothing will come any more."""
        if not self._bytes:
            await self.wait(until)
        if self._bytes:
            data, self._bytes = self._bytes, b""
            return data
        if self._error is not None:
            raise self._error
        return b""

    @property
    def quiet(self) -> bool:
        """Nothing is there."""
        return not self._bytes

    async def wait(self, until: float) -> None:
        """Return when something is there, when `until` has passed, when roused, when nothing will come any more."""
        if self._bytes or self._error is not None:
            return
        self.extend(until)
        waiter = self._waiter = self._loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None

    def extend(self, until: float) -> None:
        """Another end for the wait that lasts."""
        self._until = until
        if self._timer is None or until < self._timer_at:
            self._arm(until)

    def rouse(self) -> None:
        """End the wait."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, at: float) -> None:
        self.close()
        self._timer_at = at
        self._timer = self._loop.call_later(max(0.0, at - self._clock.monotonic()), self._expire)

    def _expire(self) -> None:
        self._timer = None
        if self._waiter is None:
            return
        if self._clock.monotonic() < self._until:
            self._arm(self._until)  # the wait was moved on since, or the loop's timers are coarse
        else:
            self.rouse()
