"""The ledger knows from when to when a device was not heard, across restarts, and never grows without bound."""

import json
from dataclasses import replace

import pytest

from gateway.backfill.ledger import DAY_S, HORIZON_S, MOST_GAPS, PATIENCE, Gap, Ledger, Stage
from rules.observation import Observation

NOON = 1_780_000_000.0
LONGEST = {"M1": 180.0, "M2": 180.0, "T1": 180.0}


def ledger(saved: object = None) -> Ledger:
    return Ledger(LONGEST, ("M1", "M2"), json.loads(json.dumps(saved or {})))


def good(at: float, device: str = "M1") -> Observation:
    return Observation(device, NOON + at, {"voltage": 230.0})


def bad(at: float, device: str = "M1") -> Observation:
    return Observation(device, NOON + at, fault="timeout")


def gaps(book: Ledger, now: float, *devices: str) -> list[tuple[float, float]]:
    """The next gap, as seconds after noon."""
    gap = book.next(devices or ("M1", "M2"), NOON + now)
    return [] if gap is None else [(gap.start - NOON, gap.end - NOON)]


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ([good(0), good(60), good(120)], []),
        ([good(0), good(180)], []),
        ([good(0), good(181)], [(0, 181)]),
        ([good(0), bad(60), bad(120), good(180)], []),
        ([good(0), bad(60), bad(600), good(660)], [(0, 660)]),
        ([bad(0), bad(600), good(660)], []),
        ([good(0), good(-9000), good(-8940)], []),
        ([good(0), Observation("M1", NOON + 100, {"voltage": 1.0}, source="backfill"), good(300)], [(0, 300)]),
        ([good(0), Observation("M1", NOON + 100, notice="last_gasp"), good(300)], [(0, 300)]),
        ([good(0, "T1"), good(9000, "T1")], []),
        ([good(0, "X9"), good(9000, "X9")], []),
    ],
    ids=[
        "no gap while it answers",
        "nor when it is silent as long as it may be",
        "a longer pause is one, from the last value to the next",
        "a few lost answers are none",
        "a silence that is asked into is one",
        "what was never heard has no beginning",
        "a clock set back makes none",
        "what a device remembered is no sign that it was heard",
        "nor is a cry without a value",
        "a device without a memory has none to fill",
        "nor has a stranger",
    ],
)
def test_gaps_by_observations(seen: list[Observation], expected: list[tuple[float, float]]) -> None:
    book = ledger()
    for observation in seen:
        book.take(observation)
    assert gaps(book, seen[-1].at - NOON, "M1", "M2") == expected


def test_a_device_without_a_memory_is_counted() -> None:
    book = ledger()
    book.take(good(0, "T1"))
    book.take(good(9000, "T1"))
    assert book.figures().unreadable == 1


def test_an_open_gap_survives_a_kill_with_its_exact_beginning() -> None:
    book, disk = ledger(), dict[str, object]()
    for at in range(0, 600, 60):
        book.take(good(at))
        disk |= book.changes()
    book.take(bad(760))
    disk |= book.changes()
    again = ledger(disk)
    assert again.figures().open == 1
    again.take(good(3600))
    assert gaps(again, 3600) == [(540, 3600)]


def test_a_gateway_that_was_gone_finds_its_own_gap_at_most_a_minute_too_long() -> None:
    book, disk = ledger(), dict[str, object]()
    for at in range(0, 600, 7):
        book.take(good(at))
        disk |= book.changes()
    again = ledger(disk)
    again.take(good(3600))
    [(start, end)] = gaps(again, 3600)
    assert 595 - 67 <= start <= 595
    assert end == 3600


def test_a_device_that_was_heard_only_once_before_the_kill_is_remembered() -> None:
    book, disk = ledger(), dict[str, object]()
    for device in ("M1", "M2"):
        book.take(good(0, device))
        disk |= book.changes()
    again = ledger(disk)
    again.take(good(900, "M2"))
    assert gaps(again, 900, "M2") == [(0, 900)]


def test_when_devices_were_heard_goes_to_disk_once_a_minute() -> None:
    book, writes = ledger(), 0
    for at in range(0, 600, 5):
        book.take(good(at))
        writes += "gaps" in book.changes()
    assert writes <= 11


def test_nothing_older_than_any_meter_remembers_is_asked_for() -> None:
    book = ledger()
    book.take(good(0))
    book.take(good(3 * HORIZON_S))
    assert gaps(book, 3 * HORIZON_S) == [(2 * HORIZON_S, 3 * HORIZON_S)]


def test_the_oldest_gaps_go_and_are_counted() -> None:
    book = ledger()
    for number in range(MOST_GAPS + 6):
        book.take(good(number * 1000))
    assert (book.figures().waiting, book.figures().dropped) == (MOST_GAPS, 5)


def test_of_all_devices_the_events_are_read_before_any_curve() -> None:
    book = ledger()
    for device in ("M1", "M2"):
        book.take(good(0, device))
        book.take(good(3600, device))
    order = []
    while gap := book.next(("M1", "M2"), NOON + 3601):
        order.append((gap.stage, gap.device))
        book.advance(gap, gap.next())
    assert [stage for stage, _ in order] == sorted((stage for stage, _ in order), key=list(Stage).index)


def test_a_device_that_fell_silent_again_is_not_asked() -> None:
    book = ledger()
    book.take(good(0))
    book.take(good(3600))
    assert gaps(book, 3700) == [(0, 3600)]
    assert gaps(book, 3600 + 181) == []


def test_after_silences_the_pauses_grow_and_then_the_service_counts_as_refused() -> None:
    book = ledger()
    book.take(good(0))
    pauses: list[int] = []
    for _ in range(PATIENCE):
        at = 3600.0 + sum(pauses)
        book.take(good(at))
        gap = book.next(("M1",), NOON + at)
        assert gap is not None
        assert gap.stage is Stage.CLOCK
        book.failed(gap, NOON + at)
        pauses.append(next(pause for pause in range(0, 9000, 10) if _heard(book, at + pause)))
    assert pauses == [30, 60, 120, 240, 480, 0]
    assert book.figures().refused == 1
    assert not book.may(Gap("M1", 0, 1), NOON + 3600 + DAY_S / 2)
    assert book.may(Gap("M1", 0, 1), NOON + 10_000 + DAY_S)


def _heard(book: Ledger, at: float) -> bool:
    book.take(good(at))
    return book.next(("M1",), NOON + at) is not None


def test_a_step_taken_on_a_gap_that_is_gone_changes_nothing() -> None:
    book = ledger()
    ghost = Gap("M1", 0, 1)
    book.advance(ghost, replace(ghost, stage=Stage.PROFILE))
    assert book.figures().waiting == 0


def test_how_far_it_is_survives_and_a_finished_ledger_leaves_nothing_behind() -> None:
    book, disk = ledger(), dict[str, object]()
    book.take(good(0))
    book.take(good(3600))
    gap = book.next(("M1",), NOON + 3600)
    assert gap is not None
    book.advance(gap, replace(gap, stage=Stage.PROFILE, cursor=NOON + 900), gained=2)
    disk |= book.changes()
    again = ledger(disk)
    again.take(good(3660))
    left = again.next(("M1",), NOON + 3660)
    assert left == replace(gap, stage=Stage.PROFILE, cursor=NOON + 900, gained=2)
    assert left is not None
    again.advance(left, None, gained=4)
    disk |= again.changes()
    assert disk["gap/M1"] is None
    assert (again.figures().filled, again.figures().observations) == (1, 6)
