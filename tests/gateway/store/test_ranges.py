"""Ranges of row ids: what is confirmed in any order is never sent again, and nothing else is forgotten."""

import random

import pytest

from gateway.store.ranges import OPEN, Ranges, spans_of


@pytest.mark.parametrize(
    ("removed", "left"),
    [
        ([], "1-"),
        ([(1, 3)], "4-"),
        ([(3, 5)], "1-2 6-"),
        ([(3, 5), (1, 2)], "6-"),
        ([(3, 5), (8, 8)], "1-2 6-7 9-"),
        ([(3, 5), (4, 9)], "1-2 10-"),
        ([(5, 5), (5, 5)], "1-4 6-"),
    ],
    ids=[
        "everything waits at first",
        "the beginning is confirmed",
        "the middle is confirmed",
        "a hole is closed",
        "two holes",
        "holes that overlap",
        "confirmed twice",
    ],
)
def test_what_is_left(removed: list[tuple[int, int]], left: str) -> None:
    ranges = Ranges()
    for first, last in removed:
        ranges.remove(first, last)
    assert ranges.encode() == left
    assert Ranges.decode(left).encode() == left


def test_ranges_agree_with_a_plain_set() -> None:
    chance = random.Random(6)
    for _ in range(200):
        ranges, plain = Ranges(), set(range(1, 200))
        for _ in range(chance.randrange(1, 40)):
            first = chance.randrange(0, 150)
            last = first + chance.randrange(0, 20)
            assert ranges.remove(first, last) == len(plain & set(range(max(first, 1), last + 1)))
            plain -= set(range(first, last + 1))
        after, upto = sorted(chance.sample(range(200), 2))
        waiting = [number for low, high in ranges.between(after, upto) for number in range(low, high + 1)]
        assert waiting == sorted(number for number in plain if after < number <= upto)
        assert ranges.count(199) == len(plain)
        assert ranges.lowest == min(plain)
        assert all(ranges.has(number) == (number in plain) for number in range(1, 200))


def test_neighbours_become_one_span() -> None:
    assert list(spans_of([7, 1, 2, 3, 9, 8])) == [(1, 3), (7, 9)]
    assert list(spans_of([])) == []


def test_ranges_that_wait_for_nothing_say_so() -> None:
    ranges = Ranges()
    ranges.remove(1, OPEN)
    assert ranges.encode() == ""
    assert ranges.lowest == OPEN
