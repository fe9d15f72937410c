"""The size of parcels, on links that are only arithmetic: a link is kept busy, and what is on its way stays short."""

from collections import deque

import pytest

from gateway.north.pace import LARGEST, NEAREST, QUEUE_S, SHORTEST, Pace

IN_FLIGHT = 2


def run(pace: Pace, bytes_per_s: float, round_trip_s: float, seconds: float, now: float = 0.0) -> tuple[float, float]:
    """Keep so many parcels on their way; how long an event would have waited at worst, and the share of the rate used.

    The first tenth, in which the size is found, does not count.
    """
    began, free, waits, passed = now, now, [0.0], 0
    flying = deque[tuple[float, float]]()  # handed over, acknowledged
    while now < began + seconds:
        while len(flying) < IN_FLIGHT:
            free = max(free, now) + pace.parcel / bytes_per_s
            flying.append((now, free + round_trip_s))
            if now > began + seconds / 10:
                waits.append(free - now)
                passed += pace.parcel
        handed_over, now = flying.popleft()
        pace.landed(now, now - handed_over)
    return max(waits), passed / (0.9 * seconds * bytes_per_s)


LINKS = {
    "a wire that nothing fills": (100e6, 0.001),
    "a good mobile network": (1e6, 0.06),
    "a slow one with long ways": (250e3, 0.4),
    "a narrow one": (30e3, 0.1),
}


@pytest.mark.parametrize(("bytes_per_s", "round_trip_s"), LINKS.values(), ids=LINKS.keys())
def test_an_event_waits_a_tenth_of_a_second_at_most_and_the_link_is_used(
    bytes_per_s: float, round_trip_s: float
) -> None:
    wait, used = run(Pace(), bytes_per_s, round_trip_s, 60)
    shortest = IN_FLIGHT * SHORTEST / bytes_per_s  # what is on its way whatever the pace says
    assert wait <= 0.1 + shortest
    most = min(1.0, IN_FLIGHT * LARGEST / (round_trip_s * bytes_per_s), QUEUE_S / round_trip_s)
    assert used > 0.7 * most


def test_a_broker_in_the_same_house_gets_long_parcels_until_one_of_them_takes_time() -> None:
    pace = Pace()
    wait, _ = run(pace, 100e6, 0.001, 60)
    assert pace.parcel == NEAREST
    assert wait < QUEUE_S
    pace.landed(61.0, 2 * QUEUE_S)
    assert pace.parcel <= LARGEST


def test_a_link_that_becomes_narrow_is_noticed() -> None:
    pace = Pace()
    run(pace, 10e6, 0.05, 60)
    assert pace.parcel == LARGEST
    wait, _ = run(pace, 100e3, 0.05, 60, now=60)
    assert wait < 0.15


def test_a_route_that_becomes_longer_is_forgiven_in_ten_minutes() -> None:
    pace = Pace()
    run(pace, 1e6, 0.05, 60)
    run(pace, 1e6, 0.6, 660, now=60)
    _, used = run(pace, 1e6, 0.6, 60, now=720)
    assert used > 0.7 * QUEUE_S / 0.6
