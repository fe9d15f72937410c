"""An event loop whose time jumps, and a clock that goes with it: an hour of the gateway passes in milliseconds.

    @virtual
    async def test_a_period_of_a_minute_means_a_minute() -> None:
        clock = VirtualClock()
        await asyncio.sleep(3600)          # takes no time
        clock.step(-7200)                  # somebody sets the time of day

`@virtual` makes an ordinary test of an async one, so parameters and plain fixtures work; an async fixture would live
on another loop: use an async context manager inside the test. `run_virtual(coro)` is the same without a decorator.

Time jumps to the next timer whenever nothing is ready. Descriptors (sockets, ptys) are looked at first, and work in
the loop's executor holds the jump back until it is done. What a foreign thread or process answers, the loop cannot
foresee: pass `patience`, real seconds to wait for the outside before each jump, or wrap the wait in `outside()`.
"""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, ParamSpec, TypeVar, TypeVarTuple, Unpack

P = ParamSpec("P")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp()
"""Wall time when a virtual clock starts, unless the test says otherwise."""

START = 1000.0
"""Monotonic time when a virtual loop starts: not zero, so that nobody takes it for a span."""


STANDSTILL_S = 30.0
"""Real seconds without any timer and any sign from outside after which a test is given up."""


class StandstillError(RuntimeError):
    """Every task waits, no timer runs and nobody outside can wake the loop: the test would hang for ever."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop; only its time and its waiting differ."""

    def __init__(self, patience: float = 0.0, standstill_s: float = STANDSTILL_S) -> None:
        self.now = START
        self.patience = patience
        self.standstill_s = standstill_s
        self.held = 0  # pieces of work outside the loop that time has to wait for
        super().__init__(_JumpingSelector(self))
        self._clock_resolution = 1e-6  # asyncio's own 1 ns drowns in a float after a year: a due timer would never fire

    def time(self) -> float:
        return self.now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> "asyncio.Future[T]":
        future = super().run_in_executor(executor, func, *args)
        self.held += 1
        future.add_done_callback(self._release)
        return future

    async def shutdown_default_executor(self, *_: Any) -> None:
        self.held += 1  # threads end in real time, and are waited for as long as they take
        try:
            await super().shutdown_default_executor()
        finally:
            self.held -= 1

    def _release(self, _: object) -> None:
        self.held -= 1


class _JumpingSelector(selectors.BaseSelector):
    """The real selector, asked first without waiting; then time jumps by as long as it would have waited."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._real = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        loop = self._loop
        if timeout is not None and timeout <= 0:
            return self._real.select(0)
        if loop.held:
            return self._real.select(None)
        if timeout is None:
            if ready := self._real.select(loop.standstill_s):
                return ready
            raise StandstillError("every task waits for something that will never happen")
        if ready := self._real.select(min(timeout, loop.patience)):
            return ready
        loop.now += timeout
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map() or {}

    def close(self) -> None:
        self._real.close()


class VirtualClock:
    """A `gateway.clock.Clock` on the running virtual loop. Make it inside the test."""

    def __init__(self, wall: float = NOON, trust: bool = True) -> None:
        self.trust = trust
        self._loop = asyncio.get_running_loop()
        self._offset = wall - self._loop.time()

    def wall(self) -> float:
        return self._offset + self._loop.time()

    def monotonic(self) -> float:
        return self._loop.time()

    def trusted(self) -> bool:
        return self.trust

    def step(self, seconds: float) -> None:
        """Somebody sets the time of day; monotonic time does not notice."""
        self._offset += seconds


@contextmanager
def outside() -> Iterator[None]:
    """Time stands still while something that the loop cannot see (a process, a thread) is waited for."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.held += 1
    try:
        yield
    finally:
        loop.held -= 1


def run_virtual(main: Coroutine[Any, Any, T], patience: float = 0.0, standstill_s: float = STANDSTILL_S) -> T:
    """Run a coroutine on a virtual loop of its own and give its result."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(patience, standstill_s)) as runner:
        return runner.run(main)


def virtual(test: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Decorator: this async test runs on virtual time."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return run_virtual(test(*args, **kwargs))

    return run
