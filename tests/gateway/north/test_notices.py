"""Customers are told of what affects them, of the gravest first, and everybody who was told hears of the end."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

import pytest

from gateway.board import Board
from gateway.north.messages import Message
from gateway.north.notices import Notices
from rules.area import Area, Device, Node
from rules.incident import Incident
from rules.pool import Entry
from rules.topology import Tree
from tests.gateway.north.site import incident

NOON = 1_800_000_000.0
TREE = Tree(
    Area(
        "TQ1",
        (Node("T1", "transformer"), Node("B1", "box", "T1"), Node("B2", "box", "T1")),
        tuple(Device(f"M{n}", "meter", "B1" if n < 3 else "B2", customer=f"C{n}") for n in range(1, 5)),
    )
)
OUTAGE = replace(incident("i1"), customers=("C1", "C2"), cause="")
LOW = replace(incident("i2"), type="low_voltage", severity="minor", customers=("C2",))
PLAN = Entry("P7", "planned", "announced", "B1", NOON + 3600, NOON + 7200, reason="new cable")
RUNS = replace(PLAN, state="running", incident="i7", customers=2)
PLANNED = replace(OUTAGE, id="i7", type="planned_outage", severity="info", cause="planned")


def bodies(messages: Iterable[Message]) -> dict[str, list[Mapping[str, Any] | None]]:
    """By customer, what is said to him, in order; None: what stood is taken away."""
    said: dict[str, list[Mapping[str, Any] | None]] = {}
    for message in messages:
        body = json.loads(message.payload) if message.payload else None
        assert message.retain is (body is None or body["ended_at"] is None), "only what lasts stands"
        said.setdefault(message.topic.removeprefix("notice/"), []).append(body)
    return said


def words(messages: Iterable[Message]) -> dict[str, list[str | None]]:
    """The same in short: what it is about, and its state when it does not just last."""
    return {
        customer: [
            None if body is None else f"{body['outage'] or body['incident']} {body['state']}".removesuffix(" lasting")
            for body in told
        ]
        for customer, told in bodies(messages).items()
    }


def told(notices: Notices, said: Incident) -> dict[str, list[str | None]]:
    return words(notices.take(json.loads(json.dumps(asdict(said)))))


class Site:
    """The pool's board and the notices behind it."""

    def __init__(self) -> None:
        self.board, self.notices = Board({}), Notices(TREE)

    def step(self, at: float, *entries: Entry) -> dict[str, list[Mapping[str, Any] | None]]:
        drafts = self.board.step(at, entries)
        return bodies(message for draft in drafts for message in self.notices.announce(draft.key, draft.body))


def over(said: Incident) -> Incident:
    return replace(said, state="cleared", reason="cleared", ended_at=NOON + 60)


def test_a_notice_begins_with_the_incident_and_says_its_end() -> None:
    notices = Notices(TREE)
    assert told(notices, OUTAGE) == {"C1": ["i1"], "C2": ["i1"]}
    assert told(notices, over(OUTAGE)) == {"C1": ["i1 over", None], "C2": ["i1 over", None]}


def test_who_has_supply_again_before_the_others_is_told_so() -> None:
    notices = Notices(TREE)
    told(notices, OUTAGE)
    assert told(notices, replace(OUTAGE, customers=("C2",))) == {"C1": ["i1 over", None], "C2": ["i1"]}
    assert told(notices, over(replace(OUTAGE, customers=("C2",)))) == {"C2": ["i1 over", None]}


def test_the_gravest_is_told_and_the_other_when_it_is_over() -> None:
    notices = Notices(TREE)
    assert told(notices, LOW) == {"C2": ["i2"]}
    assert told(notices, OUTAGE) == {"C1": ["i1"], "C2": ["i1"]}
    assert told(notices, over(OUTAGE)) == {"C1": ["i1 over", None], "C2": ["i1 over", "i2"]}


def test_what_another_incident_explains_is_taken_back_without_an_end() -> None:
    notices = Notices(TREE)
    told(notices, OUTAGE)
    assert told(notices, replace(OUTAGE, explained_by="i9")) == {"C1": [None], "C2": [None]}
    assert told(notices, over(replace(OUTAGE, explained_by="i9"))) == {}


UNTOLD: dict[str, Incident] = {
    "a suspicion": replace(OUTAGE, state="suspected"),
    "what another incident explains": replace(OUTAGE, state="explained", explained_by="i9"),
    "a meter that cannot be heard": replace(OUTAGE, type="comm_meter", severity="minor"),
    "a dead line": replace(OUTAGE, type="comm_bus", severity="major"),
    "a transformer that carries much": replace(OUTAGE, type="overload"),
    "a clock that is off": replace(OUTAGE, type="clock_drift", severity="minor"),
    "an outage whose times are set right long after its end": replace(over(OUTAGE), reason="corrected"),
    "a suspicion that came to nothing": replace(OUTAGE, state="cancelled", reason="cancelled"),
}


@pytest.mark.parametrize("said", UNTOLD.values(), ids=UNTOLD.keys())
def test_nobody_is_told_of(said: Incident) -> None:
    assert told(Notices(TREE), said) == {}


KINDS: dict[str, tuple[Incident, str, str]] = {
    "a fault": (OUTAGE, "fault", "the supply of the meter box has failed"),
    "a lost phase": (replace(OUTAGE, type="box_phase_loss"), "fault", "a phase is lost"),
    "low voltage": (LOW, "voltage", "the voltage is too low"),
    "a broken neutral": (
        replace(OUTAGE, type="neutral_break", cause="the neutral conductor in front of this node is open"),
        "voltage", "the neutral conductor in front of this node is open",
    ),
    "a relay that is open for arrears": (
        replace(OUTAGE, type="arrears_disconnect", severity="info", cause="arrears"),
        "arrears", "disconnected for arrears",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("said", "kind", "cause"), KINDS.values(), ids=KINDS.keys())
def test_a_notice_says_what_it_is_in_words(said: Incident, kind: str, cause: str) -> None:
    (body, *_) = bodies(Notices(TREE).take(json.loads(json.dumps(asdict(said)))))["C2"]
    assert body is not None
    assert (body["kind"], body["cause"]) == (kind, cause)


def test_a_notice_says_scope_beginning_progress_and_expected_end_and_nothing_personal() -> None:
    said = replace(OUTAGE, progress="dispatched", expected_end=NOON + 3600)
    assert bodies(Notices(TREE).take(json.loads(json.dumps(asdict(said)))))["C1"] == [
        {
            "incident": "i1",
            "outage": None,
            "type": "box_outage",
            "kind": "fault",
            "state": "lasting",
            "at": "2027-01-15T08:00:00.000Z",
            "cause": "the supply of the meter box has failed",
            "node": "B1",
            "phases": "",
            "customers": 2,
            "since": "2027-01-15T07:59:55.000Z",
            "progress": "dispatched",
            "expected_end": "2027-01-15T09:00:00.000Z",
            "ended_at": None,
        }
    ]


def test_what_ended_while_nobody_could_be_told_is_told_to_all_it_affected() -> None:
    notices = Notices(TREE)
    assert notices.standing([], {}) == {}
    assert told(notices, over(OUTAGE)) == {"C1": ["i1 over", None], "C2": ["i1 over", None]}


def test_an_announced_outage_is_told_from_its_announcement_to_its_end() -> None:
    site = Site()
    announced = site.step(NOON, PLAN)
    assert list(announced) == ["C1", "C2"]
    (body,) = announced["C1"]
    assert body is not None
    assert (body["state"], body["cause"], body["since"]) == ("announced", "new cable", "2027-01-15T09:00:00.000Z")
    assert (body["expected_end"], body["customers"]) == ("2027-01-15T10:00:00.000Z", 2)
    for state in ("running", "overrun"):
        (body,) = site.step(NOON + 4000, replace(RUNS, state=state))["C2"]
        assert body is not None
        assert body["state"] == state
    end, gone = site.step(NOON + 9000, replace(PLAN, state="over"))["C1"]
    assert end is not None
    assert (end["state"], end["ended_at"], gone) == ("over", "2027-01-15T10:30:00.000Z", None)
    assert site.step(NOON + 9001, replace(PLAN, state="over")) == {}


def test_an_announced_outage_that_did_not_take_place_or_was_withdrawn_is_taken_back() -> None:
    site = Site()
    site.step(NOON, PLAN, replace(PLAN, id="P8", node="M4"))
    idle = site.step(NOON + 9000, replace(PLAN, state="not executed"))
    assert [body and body["state"] for body in idle["C1"]] == ["not executed", None]
    assert [body and body["state"] for body in idle["C4"]] == ["withdrawn", None]


def test_a_planned_outage_that_runs_is_told_once_with_what_its_crew_says() -> None:
    site = Site()
    site.step(NOON, PLAN)
    assert told(site.notices, PLANNED) == {}, "the plan tells of it"
    site.step(NOON + 4000, RUNS)
    said = json.loads(json.dumps(asdict(replace(PLANNED, progress="repaired", expected_end=NOON + 4100))))
    (body,) = bodies(site.notices.take(said))["C1"]
    assert body is not None
    assert (body["outage"], body["incident"], body["progress"]) == ("P7", "i7", "repaired")
    assert body["expected_end"] == "2027-01-15T09:08:20.000Z"


def test_nobody_is_told_the_same_twice() -> None:
    site = Site()
    site.step(NOON, PLAN)
    assert told(site.notices, PLANNED) == {}
    site.step(NOON + 4000, RUNS)
    assert told(site.notices, over(PLANNED)) == {}, "the pool says in a moment that the plan is over"
    assert told(site.notices, OUTAGE) == {"C1": ["i1"], "C2": ["i1"]}
    assert told(site.notices, OUTAGE) == {}
    assert told(site.notices, replace(OUTAGE, customers=("C1", "C2", "C3"))) == {
        "C1": ["i1"], "C2": ["i1"], "C3": ["i1"],
    }, "how many are concerned stands in it"  # fmt: skip


def test_faults_and_orders_in_the_pool_are_told_as_the_incidents_that_they_are() -> None:
    site = Site()
    assert site.step(NOON, Entry("i1", "fault", "running", "B1", NOON, incident="i1")) == {}
    assert site.step(NOON, Entry("order-M1", "arrears", "announced", "M1", NOON)) == {}


def test_what_stands_is_worked_out_again_after_a_restart() -> None:
    site = Site()
    site.step(NOON, replace(PLAN, node="B2"))
    rows = [json.loads(json.dumps(asdict(one))) for one in (OUTAGE, LOW)]
    notices = Notices(TREE)
    standing = notices.standing(rows, {**site.board.standing(), "audit": b"{}"})
    about = {topic: json.loads(body) for topic, body in standing.items()}
    assert {topic: body["outage"] or body["incident"] for topic, body in about.items()} == {
        "notice/C1": "i1", "notice/C2": "i1", "notice/C3": "P7", "notice/C4": "P7",
    }  # fmt: skip
    assert told(notices, over(OUTAGE)) == {"C1": ["i1 over", None], "C2": ["i1 over", "i2"]}
