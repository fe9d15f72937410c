"""A customer who loses supply again and again is named, until it has been quiet for long enough."""

from dataclasses import replace

import pytest

from rules.incident import Incident
from rules.repeats import DAY_S, Repeats
from rules.thresholds import complete
from rules.topology import Tree
from tests.rules.areas import START, village

TREE = Tree(village())


def outage(day: float, minutes: float = 30, *devices: str, kind: str = "box_outage") -> Incident:
    began = START + day * DAY_S
    return Incident(
        id=f"outage-{day}",
        type=kind,
        state="cleared",
        reason="cleared",
        severity="major",
        at=began + minutes * 60,
        node="B1",
        started_at=began,
        started_after=began,
        ended_at=began + minutes * 60,
        devices=devices or ("B1-1",),
    )


def told(*outages: Incident, day: float = 30.0) -> list[tuple[str, tuple[str, ...]]]:
    """What is said on a day, by a rule that was saved and loaded after the last outage."""
    repeats, again = Repeats(TREE, complete({})), Repeats(TREE, complete({}))
    repeats.take(outages)
    again.load(repeats.dump())
    claim = again.claim(START + day * DAY_S)
    return [(claim.node, claim.devices)] if claim else []


CASES = {
    "twice is bad luck": ([outage(1), outage(2)], []),
    "three times is a weak point": ([outage(1), outage(2), outage(3)], [("B1-1", ("B1-1",))]),
    "short ones do not count": ([outage(1), outage(2), outage(3, 2)], []),
    "announced ones do not count": ([outage(1), outage(2), outage(3, kind="planned_outage")], []),
    "one that hides behind another does not count": (
        [outage(1), outage(2), replace(outage(3), explained_by="outage-2")],
        [],
    ),
    "one that lasts does not count yet": ([outage(1), outage(2), replace(outage(3), state="confirmed")], []),
    "the place is what its customers share": (
        [outage(day, 30, "B2-1", "B3-1") for day in (1, 2, 3)],
        [("L2", ("B2-1", "B3-1"))],
    ),
    "different customers are no repetition": ([outage(1), outage(2), outage(3, 30, "B1-2")], []),
}


@pytest.mark.parametrize(("outages", "expected"), CASES.values(), ids=CASES.keys())
def test_repeats(outages: list[Incident], expected: list[tuple[str, tuple[str, ...]]]) -> None:
    assert told(*outages) == expected


def test_it_is_over_when_the_first_is_forgotten() -> None:
    three = [outage(1), outage(2), outage(3)]
    assert told(*three, day=60.9)
    assert told(*three, day=61.1) == []
