"""What operators do with an incident quiets it, is told, outlives a restart and changes nothing that rules hold."""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from gateway.simulate.fault import Fault
from rules.area import PlannedOutage
from rules.book import Book, Claim
from rules.engine import Engine
from rules.incident import Incident, Severity
from rules.observation import Observation
from rules.topology import Tree
from tests.rules.areas import START, readings, run, village

AREA = village()
OFTEN = {"pool": {"remind_s": 600.0}}
DARK = (Fault("breaker_tripped", "B2"), 310.0, 5000.0)
AT = START + 1000
Stream = list[Observation]
Deed = Callable[[Engine, str], tuple[Incident, ...]]


def split(*faults: tuple[Fault, float, float], at: float = AT) -> tuple[Stream, Stream]:
    """A recording before and after an operator does something."""
    stream = list(readings(AREA, *faults, minutes=100))
    return [seen for seen in stream if seen.at < at], [seen for seen in stream if seen.at >= at]


def restarted(engine: Engine) -> Engine:
    saved = {key: value for key, value in engine.changes().items() if value is not None}
    return Engine(AREA, OFTEN, saved=json.loads(json.dumps(saved)))


def told(deed: Deed, *, restart: bool = False) -> list[tuple[str, float]]:
    """Reasons and seconds of everything that is said of a dark box after a deed, its own word included."""
    before, after = split(DARK)
    engine = Engine(AREA, OFTEN)
    run(engine, before)
    (incident,) = engine.active()
    said = [*deed(engine, incident.id)]
    if restart:
        engine = restarted(engine)
    said += run(engine, after)
    assert {one.id for one in said} == {incident.id}
    return [(one.reason, one.at - START) for one in said]


def acknowledge(engine: Engine, incident: str) -> tuple[Incident, ...]:
    return engine.hand.acknowledge(incident, "Li", AT)


def shelve(engine: Engine, incident: str) -> tuple[Incident, ...]:
    return engine.hand.shelve(incident, START + 3000, "Li", AT)


def test_without_a_hand_a_serious_incident_is_said_again_and_again() -> None:
    reasons = [reason for reason, _ in told(lambda _engine, _incident: ())]
    assert reasons.count("reminder") >= 5
    assert reasons[-1] == "cleared"


SERIOUS: dict[str, tuple[str, dict[str, float], str]] = {
    "low voltage": ("B2-1", {"voltage": 190.0}, "low_voltage"),
    "hot oil": ("TTU", {"oil_temperature": 90.0}, "oil_temperature_high"),
}


@pytest.mark.parametrize(("device", "values", "kind"), SERIOUS.values(), ids=SERIOUS.keys())
@pytest.mark.parametrize("taken_care_of", [False, True], ids=["nobody cares", "somebody does"])
def test_what_its_rule_says_once_is_said_again_until_somebody_cares(
    device: str, values: dict[str, float], kind: str, taken_care_of: bool
) -> None:
    engine, said = Engine(AREA, {**OFTEN, "voltage": {"hold_s": 600.0}}), list[Incident]()
    for minute in range(100):
        said += run(engine, [Observation(device, START + 60 * minute, values)])
        if taken_care_of and minute == 30:
            said += acknowledge(engine, said[-1].id)
    reasons = [one.reason for one in said if one.type == kind]
    at = [one.at for one in said if one.reason == "reminder"]
    assert all(later - sooner >= 600.0 for sooner, later in pairwise(at))
    if taken_care_of:
        assert reasons[-1] == "acknowledged"
    else:
        assert len(at) in (8, 9)


@pytest.mark.parametrize("restart", [False, True], ids=["running on", "over a restart"])
def test_an_acknowledged_incident_is_not_said_again_before_it_ends(restart: bool) -> None:
    assert [reason for reason, _ in told(acknowledge, restart=restart)] == ["acknowledged", "cleared"]


@pytest.mark.parametrize("restart", [False, True], ids=["running on", "over a restart"])
def test_a_shelved_incident_is_silent_until_its_time(restart: bool) -> None:
    said = told(shelve, restart=restart)
    assert [reason for reason, _ in said[:2]] == ["shelved", "unshelved"]
    assert 3000 <= said[1][1] <= 3060
    assert {reason for reason, _ in said[2:-1]} == {"reminder"}
    assert said[-1][0] == "cleared"


def test_an_incident_that_ends_on_the_shelf_is_told_to_have_ended() -> None:
    said = told(lambda engine, incident: engine.hand.shelve(incident, START + 90_000, "Li", AT))
    assert [reason for reason, _ in said] == ["shelved", "cleared"]


def test_a_shelved_incident_that_grows_in_severity_speaks() -> None:
    before, after = split((Fault("line_broken", "L2"), 310.0, 5000.0))
    engine = Engine(AREA, planned=[PlannedOutage("P7", "L2", START + 200, START + 1200)])
    run(engine, before)
    (plan,) = engine.active()
    engine.hand.shelve(plan.id, START + 90_000, "Li", AT)
    said = run(engine, after)
    assert [(one.severity, one.reason, one.shelved_until) for one in said[:1]] == [("major", "worsened", None)]


def test_why_a_change_of_severity_is_spoken_of() -> None:
    """Whoever passes over reminders must hear of it."""
    book = Book(Tree(AREA), 86_400)
    claim = Claim("low_voltage", "L2", "confirmed", "minor", START, START)
    words: list[tuple[Severity, str | None]] = [
        ("minor", None), ("major", None), ("major", None), ("minor", None), ("major", "i9"), ("major", None),
    ]  # fmt: skip
    said = [
        book.say("L2", replace(claim, severity=severity, explained_by=cause), START + 60 * minute)
        for minute, (severity, cause) in enumerate(words)
    ]
    assert [one and one.reason for one in said] == ["first", "worsened", None, "eased", "explained", "reminder"]


def test_taken_off_the_shelf_it_is_said_at_once() -> None:
    def deed(engine: Engine, incident: str) -> tuple[Incident, ...]:
        return *shelve(engine, incident), *engine.hand.unshelve(incident, AT + 1)

    assert [reason for reason, _ in told(deed)][:2] == ["shelved", "unshelved"]


def test_what_operators_said_stands_in_every_later_word() -> None:
    before, after = split(DARK)
    engine = Engine(AREA, OFTEN)
    run(engine, before)
    (incident,) = engine.active()
    acknowledge(engine, incident.id)
    engine.hand.progress(incident.id, "arrived", START + 5000, AT)
    engine = restarted(engine)
    (last,) = run(engine, after)
    assert (last.acknowledged_by, last.progress, last.expected_end) == ("Li", "arrived", START + 5000)
    assert last.devices == incident.devices


def test_what_does_not_last_cannot_be_taken_in_hand() -> None:
    assert Engine(AREA).hand.acknowledge("no-such", "Li", AT) == ()
