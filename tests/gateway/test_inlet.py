"""Polls of one turn of the loop go on together, in order, and none is lost on the way."""

import asyncio

import pytest

from gateway.inlet import Inlet
from gateway.south.poll import Lane, Poll
from tests.virtual import virtual


def poll(number: int) -> Poll:
    return Poll(f"M{number}", "l1", float(number), 0.1, Lane.PERIODIC)


@virtual
async def test_what_comes_in_one_turn_is_worked_off_together_and_in_order() -> None:
    worked: list[tuple[Poll, ...]] = []
    inlet = Inlet(lambda *polls: worked.append(polls))
    running = asyncio.create_task(inlet.run())
    for turn in (range(3), range(3, 5)):
        for number in turn:
            inlet.put(poll(number))
        assert len(worked) == turn.start // 3  # nobody is kept waiting by the work on another one's answer
        await asyncio.sleep(1)
    running.cancel()
    assert worked == [tuple(map(poll, range(3))), tuple(map(poll, range(3, 5)))]


@virtual
async def test_what_came_before_the_end_is_worked_off_at_the_end() -> None:
    worked: list[Poll] = []
    inlet = Inlet(lambda *polls: worked.extend(polls))
    running = asyncio.create_task(inlet.run())
    await asyncio.sleep(1)
    inlet.put(poll(1))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    inlet.flush()
    inlet.flush()
    assert worked == [poll(1)]


@virtual
async def test_a_fault_in_the_work_ends_the_gateway_and_is_not_swallowed() -> None:
    def work(*_: Poll) -> None:
        raise ZeroDivisionError

    inlet = Inlet(work)
    inlet.put(poll(1))
    with pytest.raises(ZeroDivisionError):
        await inlet.run()
