"""Bytes on their way from a descriptor to the one reader who waits for them until a time.

One timer serves many waits: a wait that is over leaves it running and the next one moves its end, because a poll
on a fast network lasts less than making and cancelling a timer would cost.
"""

import asyncio

from gateway.clock import Clock
from gateway.south.link.api import LinkError


class Inbox:
    """Filled by callbacks of the loop, emptied by one coroutine."""

    __slots__ = ("_bytes", "_clock", "_error", "_loop", "_timer", "_timer_at", "_until", "_waiter")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._bytes = b""
        self._error: LinkError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    def put(self, data: bytes) -> None:
        """Bytes have come."""
        self._bytes = self._bytes + data if self._bytes else data
        self._wake()

    def fail(self, error: LinkError) -> None:
        """No bytes will come any more; the first reason stays."""
        self._error = self._error or error
        self._wake()

    def take(self) -> bytes:
        """All that is there, without waiting."""
        data, self._bytes = self._bytes, b""
        return data

    async def get(self, until: float) -> bytes:
        """What has come, b'' when `until` has passed. Raises LinkError when nothing will come any more."""
        if not self._bytes and self._error is None:
            self._until = until
            if self._timer is None or until < self._timer_at:
                self._arm(until)
            waiter = self._waiter = self._loop.create_future()
            try:
                await waiter
            finally:
                self._waiter = None
        if self._bytes:
            data, self._bytes = self._bytes, b""
            return data
        if self._error is not None:
            raise self._error
        return b""

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

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
            self._wake()
