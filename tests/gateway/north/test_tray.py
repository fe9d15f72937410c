"""Rows on their way by line, and what is known of them when the link is lost."""

from collections.abc import Sequence

import pytest

from gateway.north.tray import Lanes, Tray
from gateway.store import Outbox, Row, Stream
from gateway.store.ranges import Ranges
from gateway.store.rows import Aside
from tests.virtual import virtual


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


class Shelf:
    """What an outbox needs of a store: rows that are on disk."""

    def __init__(self, held: Sequence[Row]) -> None:
        self._held = held

    def offered(self, _: Stream) -> int:
        return len(self._held)

    async def read(self, _: Stream, ranges: Ranges, after: int, upto: int, limit: int) -> list[Row]:
        return [row for row in self._held if after < row.id <= upto and ranges.has(row.id)][:limit]

    def confirmed(self) -> None:
        """Nobody asks here."""

    def set_aside(self, item: Aside) -> None:
        raise AssertionError(item)


def outbox(keys: str) -> Outbox:
    box = Outbox("mqtt", Shelf(rows(*keys)))
    box.ranges[Stream.LIVE] = Ranges(1)
    return box


@virtual
async def test_rows_that_grow_old_on_a_tray_are_no_other_lanes() -> None:
    lanes = Lanes(outbox("abab"))
    live = lanes.fill("data live", Stream.LIVE, await lanes.take("data live", Stream.LIVE, 2, 0, 4))
    late = lanes.fill("hist live", Stream.LIVE, await lanes.take("hist live", Stream.LIVE, 4, 0, 4))
    assert live is not None
    assert late is not None
    assert (taken(live, 400), taken(late, 400)) == ([[1, 2]], [[3, 4]])


@virtual
async def test_after_a_lost_link_only_what_had_not_arrived_is_sent_again() -> None:
    box = outbox("abab")
    lanes = Lanes(box)
    tray = lanes.fill("data live", Stream.LIVE, await lanes.take("data live", Stream.LIVE, 4, 0, 4))
    assert tray is not None
    lanes.landed(tray, [row.id for row in tray.next(200)])
    assert box.waiting(Stream.LIVE) == 4  # done together, as a rule
    lanes.clear()
    assert box.waiting(Stream.LIVE) == 2
    assert [row.id for row in await lanes.take("data live", Stream.LIVE, 4, 0, 4)] == [2, 4]
