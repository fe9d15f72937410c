"""The virtual loop itself: what every other test on virtual time stands on."""

import asyncio
import os
import threading

import pytest

from gateway.clock import Clock
from tests.virtual import NOON, START, StandstillError, VirtualClock, outside, run_virtual, virtual


@virtual
async def test_a_year_passes_at_once_and_exactly() -> None:
    loop = asyncio.get_running_loop()
    for _ in range(365):
        await asyncio.sleep(86_400)
    assert loop.time() == START + 365 * 86_400


@virtual
async def test_timers_fire_in_their_order() -> None:
    seen: list[float] = []
    await asyncio.gather(*(_note(seen, delay) for delay in (3.0, 1.0, 2.0)))
    assert seen == [START + 1, START + 2, START + 3]


async def _note(seen: list[float], delay: float) -> None:
    await asyncio.sleep(delay)
    seen.append(asyncio.get_running_loop().time())


@virtual
async def test_a_timeout_ends_a_wait_for_nothing() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await asyncio.Event().wait()


@virtual
async def test_the_wall_clock_steps_and_the_monotonic_one_does_not() -> None:
    clock = VirtualClock()
    as_clock: Clock = clock
    assert (as_clock.wall(), as_clock.monotonic(), as_clock.trusted()) == (NOON, START, True)
    clock.step(-3600)
    await asyncio.sleep(60)
    assert (clock.wall(), clock.monotonic()) == (NOON - 3540, START + 60)


@virtual
async def test_what_a_descriptor_holds_is_read_before_time_jumps() -> None:
    loop = asyncio.get_running_loop()
    reading, writing = os.pipe()
    got: asyncio.Future[float] = loop.create_future()
    loop.add_reader(reading, lambda: got.set_result(loop.time()))
    loop.call_later(1.0, os.write, writing, b"x")
    assert await asyncio.wait_for(got, 60) == START + 1
    loop.remove_reader(reading)
    os.close(reading)
    os.close(writing)


@virtual
async def test_time_waits_for_work_in_a_thread() -> None:
    loop = asyncio.get_running_loop()
    gate = threading.Event()
    loop.call_later(1.0, gate.set)
    work = loop.run_in_executor(None, str, 7)
    assert await asyncio.wait_for(work, 0.001) == "7"
    assert loop.time() == START
    await asyncio.sleep(2)
    assert gate.is_set()


@virtual
async def test_time_stands_still_while_something_outside_is_waited_for() -> None:
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    stranger = threading.Thread(target=loop.call_soon_threadsafe, args=(done.set,))
    with outside():
        stranger.start()
        await asyncio.wait_for(done.wait(), 0.001)
    assert loop.time() == START
    stranger.join()


def test_a_test_that_would_hang_says_so() -> None:
    with pytest.raises(StandstillError):
        run_virtual(asyncio.Event().wait(), standstill_s=0.01)
