"""What has just come to disk is handed out from memory, whole or not at all."""

import pytest

from gateway.store.ranges import Span
from gateway.store.recent import Recent
from gateway.store.rows import Row, Stream

NOBODY_HAS_ANYTHING = dict.fromkeys(Stream, 1)


def live(*ids: int) -> dict[Stream, list[Row]]:
    return {**{stream: [] for stream in Stream}, Stream.LIVE: [Row(number, 0.0, "l", b"ten bytes.") for number in ids]}


@pytest.mark.parametrize(
    ("spans", "limit", "found"),
    [
        ([(3, 6)], 10, [3, 4, 5, 6]),
        ([(4, 5)], 10, [4, 5]),
        ([(3, 3), (5, 6)], 10, [3, 5, 6]),
        ([(3, 6)], 2, [3, 4]),
        ([(3, 3), (5, 6)], 2, [3, 5]),
        ([(2, 4)], 10, None),
    ],
    ids=["all", "a part", "two parts", "no more than asked", "nor of two parts", "one is too old: the disk has all"],
)
def test_what_is_held(spans: list[Span], limit: int, found: list[int] | None) -> None:
    recent = Recent()
    recent.add(live(3, 4), NOBODY_HAS_ANYTHING)
    recent.add(live(5, 6), NOBODY_HAS_ANYTHING)
    rows = recent.read(Stream.LIVE, spans, limit)
    assert (None if rows is None else [row.id for row in rows]) == found


def test_what_everybody_has_is_forgotten() -> None:
    recent = Recent()
    recent.add(live(1, 2, 3), {**NOBODY_HAS_ANYTHING, Stream.LIVE: 3})
    assert recent.read(Stream.LIVE, [(2, 3)], 10) is None
    assert recent.read(Stream.LIVE, [(3, 3)], 10) == live(3)[Stream.LIVE]


def test_memory_is_bounded_by_forgetting_the_oldest() -> None:
    recent = Recent(most_bytes=20)
    recent.add(live(1, 2, 3), NOBODY_HAS_ANYTHING)
    assert recent.read(Stream.LIVE, [(1, 3)], 10) is None
    assert recent.read(Stream.LIVE, [(2, 3)], 10) == live(2, 3)[Stream.LIVE]
