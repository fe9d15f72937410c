"""Every outage stands on its topic until it has been over for a day, whatever happened to the gateway meanwhile."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from gateway.board import Board
from gateway.north.messages import event
from gateway.north.notices import Notices
from gateway.store import Row
from rules.pool import Entry
from rules.topology import Tree
from tests.gateway.north.site import AREA

NOON = 1_780_000_000.0
DAY = 86_400.0
FAULT = Entry("tq-1", "fault", "running", "B2", NOON, None, 6, "tq-1")
PLAN = Entry("P7", "planned", "announced", "L2", NOON, NOON + 3600, reason="new cable")
RUNS = Entry("P7", "planned", "running", "L2", NOON, NOON + 3600, 12, "tq-2", "new cable")
ORDER = Entry("order-M1", "arrears", "announced", "M1", NOON)
OPEN = Entry("order-M1", "arrears", "running", "M1", NOON, None, 1, "tq-3", "arrears")
IDLE = Entry("order-M1", "arrears", "not executed", "M1", NOON)
AGAIN = Entry("order-M1", "arrears", "announced", "M1", NOON + 900)

Scene = list[tuple[float, Sequence[Entry]]]
SCENES: dict[str, tuple[Scene, list[str]]] = {
    "a fault": ([(0, [FAULT]), (1, [FAULT]), (2, [FAULT])], ["running"]),
    "a fault that ends": ([(0, [FAULT]), (60, []), (61, []), (DAY, [])], ["running", "over"]),
    "a fault that ended a day ago": ([(0, [FAULT]), (60, []), (60 + DAY, [])], ["running", "over", ""]),
    "a plan that is carried out": ([(0, [PLAN]), (9, [RUNS])], ["announced", "running"]),
    "a plan that is withdrawn": ([(0, [PLAN]), (9, [])], ["announced", ""]),
    "an order that is carried out and undone": (
        [(0, [ORDER]), (9, [OPEN]), (99, []), (100, [])], ["announced", "running", "over"],
    ),
    "a second order": (
        [(0, [OPEN]), (99, []), (900, [AGAIN])], ["running", "over", "announced"],
    ),
    "an order that nobody carries out": ([(0, [ORDER]), (9, [IDLE])], ["announced", "not executed"]),
    "an order that is withdrawn": ([(0, [ORDER]), (9, [])], ["announced", ""]),
}  # fmt: skip


def state_of(body: bytes) -> str:
    """'' for a topic that is emptied."""
    return str(json.loads(body)["state"]) if body else ""


@pytest.mark.parametrize("restart", [False, True], ids=["running on", "restarting all the time"])
@pytest.mark.parametrize(("scene", "states"), SCENES.values(), ids=SCENES.keys())
def test_what_changes_is_shown_once(scene: Scene, states: list[str], restart: bool) -> None:
    board, saved, said = Board({}), dict[str, Any](), list[str]()
    for after, entries in scene:
        said += [state_of(draft.body) for draft in board.step(NOON + after, entries)]
        saved |= json.loads(json.dumps(dict(board.changes())))
        if restart:
            board = Board({key: value for key, value in saved.items() if value is not None})
    assert said == states
    assert [state_of(body) for body in board.standing().values()] == [state for state in states[-1:] if state]


def test_a_card_says_what_when_and_whom() -> None:
    (draft,) = Board({}).step(NOON + 5, [RUNS])
    assert draft.key == "pool/P7"
    assert json.loads(draft.body) == {
        "id": "P7",
        "kind": "planned",
        "state": "running",
        "node": "L2",
        "start": "2026-05-28T20:26:40.000Z",
        "end": "2026-05-28T21:26:40.000Z",
        "customers": 12,
        "incident": "tq-2",
        "reason": "new cable",
        "since": "2026-05-28T20:26:45.000Z",
    }


def test_a_card_is_retained_and_taken_away() -> None:
    (draft,) = Board({}).step(NOON + 5, [RUNS])
    rows = [Row(1, NOON, "pool/P7", draft.body), Row(2, NOON, "pool/P7", b"")]
    notices = Notices(Tree(AREA))
    messages = [event(row, "s", "x", notices).messages for row in rows]
    assert [(one.topic, one.payload, one.retain) for one, *_ in messages] == [
        ("pool/P7", draft.body, True),
        ("pool/P7", b"", True),
    ]
