"""What the disk has not got yet keeps its order and its numbers, whatever the disk does."""

import pytest

from gateway.store.rows import Batch, Stream
from gateway.store.unwritten import Unwritten
from tests.gateway.store.running import backfill, event, live


def ids(unwritten: Unwritten, stream: Stream = Stream.LIVE) -> list[int]:
    return [row.id for row in unwritten.rows(stream)]


def test_what_was_being_written_stays_in_front_of_what_came_since() -> None:
    unwritten = Unwritten()
    assert not unwritten.add([live(1), live(2)])
    assert [row.id for row in unwritten.begin().rows[Stream.LIVE]] == [1, 2]
    unwritten.add([live(3)])
    assert (ids(unwritten), len(unwritten)) == ([1, 2, 3], 3)
    unwritten.put_back()
    assert [row.id for row in unwritten.begin().rows[Stream.LIVE]] == [1, 2, 3]
    unwritten.written()
    assert (ids(unwritten), len(unwritten)) == ([], 0)


def test_an_event_among_the_rows_is_urgent() -> None:
    assert Unwritten().add([live(1), event(1)])


def test_state_is_asked_for_when_a_batch_begins_and_once() -> None:
    unwritten, asked = Unwritten(), []

    def changes() -> dict[str, object]:
        asked.append(1)
        return {"outage": len(asked)}

    for _ in range(3):
        unwritten.change(changes)
    unwritten.change({"voltage": None})
    assert unwritten.begin().state == {"outage": b"1", "voltage": None}
    unwritten.put_back()
    unwritten.change({"outage": 9})
    assert unwritten.begin().state == {"outage": b"9", "voltage": None}, "what is newer counts"


@pytest.mark.parametrize(
    ("most", "gone"),
    [
        (6, []),
        (5, [(Stream.BACKFILL, 1)]),
        (3, [(Stream.BACKFILL, 1), (Stream.BACKFILL, 2), (Stream.LIVE, 1)]),
        (1, [*((stream, number) for stream in (Stream.BACKFILL, Stream.LIVE) for number in (1, 2)), (Stream.EVENT, 1)]),
    ],
    ids=["room for all", "room for all but one", "room for events and the newest reading", "room for one"],
)
def test_the_oldest_of_the_least_important_goes_first(most: int, gone: list[tuple[Stream, int]]) -> None:
    unwritten = Unwritten()
    unwritten.add([event(1), event(2), live(1), live(2), backfill(1), backfill(2)])
    assert list(unwritten.shed(most)) == gone
    assert len(unwritten) == min(6, most)


def test_a_batch_may_be_put_in_front_of_all() -> None:
    unwritten = Unwritten()
    unwritten.change({"outage": 2})
    unwritten.follow(Batch(state={"outage": b"1", "voltage": b"3"}))
    assert unwritten.begin().state == {"outage": b"2", "voltage": b"3"}
