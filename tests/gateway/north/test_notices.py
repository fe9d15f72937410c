"""Customers are told of what affects them, of the gravest first, and everybody who was told hears of the end."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from gateway.north.notices import Notices
from rules.incident import Incident
from tests.gateway.north.site import incident

OUTAGE = replace(incident("i1"), customers=("C1", "C2"), cause="the box lost its supply")
LOW = replace(incident("i2"), type="low_voltage", severity="minor", customers=("C2",))


def told(notices: Notices, said: Incident) -> dict[str, str | None]:
    """Customer to the incident that the notice speaks of; None: the notice is taken away."""
    row: Mapping[str, Any] = json.loads(json.dumps(asdict(said)))
    return {
        message.topic.removeprefix("notice/"): json.loads(message.payload)["incident"] if message.payload else None
        for message in notices.take(row)
    }


def test_a_notice_begins_with_the_incident_and_ends_with_it() -> None:
    notices = Notices()
    assert told(notices, OUTAGE) == {"C1": "i1", "C2": "i1"}
    assert told(notices, replace(OUTAGE, state="cleared")) == {"C1": None, "C2": None}


def test_who_is_no_longer_affected_is_told_so() -> None:
    notices = Notices()
    told(notices, OUTAGE)
    assert told(notices, replace(OUTAGE, customers=("C2",))) == {"C1": None, "C2": "i1"}


def test_the_gravest_is_told_and_the_other_when_it_is_over() -> None:
    notices = Notices()
    assert told(notices, LOW) == {"C2": "i2"}
    assert told(notices, OUTAGE) == {"C1": "i1", "C2": "i1"}
    assert told(notices, replace(OUTAGE, state="cleared")) == {"C1": None, "C2": "i2"}


def test_nobody_is_told_of_a_suspicion_or_of_what_another_incident_explains() -> None:
    notices = Notices()
    assert told(notices, replace(OUTAGE, state="suspected")) == {}
    assert told(notices, replace(OUTAGE, state="explained", explained_by="i9")) == {}
    assert told(notices, replace(OUTAGE, severity="info")) == {}


def test_customers_hear_how_far_the_crew_is() -> None:
    said = replace(OUTAGE, progress="dispatched", expected_end=1_800_003_600.0)
    (first, _) = Notices().take(json.loads(json.dumps(asdict(said))))
    body = json.loads(first.payload)
    assert (body["progress"], body["expected_end"]) == ("dispatched", "2027-01-15T09:00:00.000Z")


def test_what_stands_is_worked_out_again_after_a_restart() -> None:
    rows = [json.loads(json.dumps(asdict(one))) for one in (OUTAGE, LOW)]
    notices = Notices()
    standing = notices.standing(rows)
    assert sorted(standing) == ["notice/C1", "notice/C2"]
    assert json.loads(standing["notice/C1"]) == {
        "incident": "i1",
        "type": "box_outage",
        "planned": False,
        "cause": "the box lost its supply",
        "node": "B1",
        "phases": "",
        "since": "2027-01-15T07:59:55.000Z",
        "progress": None,
        "expected_end": None,
    }
    assert told(notices, replace(OUTAGE, state="cleared")) == {"C1": None, "C2": "i2"}
