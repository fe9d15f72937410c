"""Rows on their way by line, and what is known of them when the link is lost."""

from collections.abc import Sequence

import pytest

from gateway.north.tray import Tray
from gateway.store import Row, Stream


def rows(*keys: str, size: int = 100) -> list[Row]:
    return [Row(number, 0.0, key, bytes(size)) for number, key in enumerate(keys, 1)]


def taken(tray: Tray, limit: int) -> list[list[int]]:
    parts = []
    while tray:
        parts.append([row.id for row in tray.next(limit)])
    return parts


@pytest.mark.parametrize(
    ("keys", "limit", "parts"),
    [
        pytest.param("abab", 200, [[1, 3], [2, 4]], id="two lines that take turns travel one after the other"),
        pytest.param("aaaa", 200, [[1, 2], [3, 4]], id="a single line travels in order"),
        pytest.param("abcab", 300, [[1, 4, 2], [5, 3]], id="a parcel is filled up with the next line"),
        pytest.param("ab", 10, [[1], [2]], id="a row that is too long for a parcel goes alone"),
    ],
)
def test_rows_go_line_by_line(keys: str, limit: int, parts: Sequence[Sequence[int]]) -> None:
    assert taken(Tray(Stream.LIVE, rows(*keys)), limit) == parts


def test_what_could_not_be_sent_is_next_again() -> None:
    tray = Tray(Stream.LIVE, rows(*"abab"))
    tray.back(tray.next(200))
    assert taken(tray, 400) == [[1, 3, 2, 4]]


def test_it_is_done_as_a_whole_and_knows_what_had_arrived_before() -> None:
    tray = Tray(Stream.LIVE, rows(*"abab"))
    taken(tray, 200)
    assert not tray.landed([2, 4])
    assert tray.landed_so_far == [2, 4]
    assert tray.landed([1, 3])
