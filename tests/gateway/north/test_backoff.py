"""The wait before the next try: capped, jittered, and over when this machine has a way again."""

import asyncio

import pytest

from gateway.north.backoff import Backoff, routes
from tests.virtual import virtual


def test_it_doubles_up_to_its_cap_and_half_of_it_is_chance() -> None:
    certain = Backoff(1.0, 60.0, chance=lambda: 1.0)
    assert [certain.next_s() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    lucky = Backoff(1.0, 60.0, chance=lambda: 0.0)
    assert [lucky.next_s() for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    lucky.reset()
    assert lucky.next_s() == 0.5


@pytest.mark.parametrize(
    ("change", "asked", "waited"),
    [
        ({"ppp0 0 0"}, 0.0, 11.0),
        (set(), 0.0, 60.0),
        (None, 0.0, 60.0),
        ({"ppp0 0 0"}, 90.0, 90.0),
    ],
    ids=["a route that comes ends it", "one that goes does not", "nothing changes", "what was asked for is kept"],
)
@virtual
async def test_the_wait_is_over_when_there_is_a_way_again(change: set[str] | None, asked: float, waited: float) -> None:
    loop, ways = asyncio.get_running_loop(), {"eth0 0 0"}
    backoff = Backoff(60.0, 60.0, chance=lambda: 1.0, ways=lambda: frozenset(ways))
    began = loop.time()

    def happen() -> None:
        if change is not None:
            ways.clear()
            ways.update(change)

    loop.call_later(10.5, happen)
    await backoff.wait(asked)
    assert loop.time() - began == pytest.approx(waited)


def test_this_machine_has_routes_or_none_and_says_the_same_twice() -> None:
    assert routes() == routes()
