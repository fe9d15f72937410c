"""The way of a reading: what a device said becomes what the rules see and what is stored, at one place."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

import pytest

from drivers.api import Reading, Value
from gateway.backfill.steps import Past
from gateway.pipeline import Pipeline
from gateway.south.poll import Lane, Poll
from gateway.stamp import Stamp
from gateway.store import Draft, Stream
from rules.correction import PowerDown
from rules.incident import Incident, Outcome, Wish
from rules.observation import Observation
from tests.gateway.north.site import device, incident, site

NOON = datetime(2026, 6, 1, 12).astimezone().timestamp()


@dataclass(slots=True)
class Still:
    """A clock that somebody holds."""

    at: float = NOON
    trust: bool = True

    def wall(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    def trusted(self) -> bool:
        return self.trust


@dataclass(slots=True)
class Judge:
    """Rules that find an incident in everything, and doubt it."""

    seen: list[Observation] = field(default_factory=list)
    ticks: list[float] = field(default_factory=list)
    downs: list[PowerDown] = field(default_factory=list)

    def correct(self, downs: Iterable[PowerDown]) -> None:
        self.downs += downs

    def plan_for(self, nodes: Iterable[str], since: float) -> None:
        """Nothing is announced."""

    def take(self, observation: Observation) -> Outcome:
        self.seen.append(observation)
        return Outcome((incident("i1"),), (Wish("M1", "is it dark there too?"),))

    def tick(self, at: float) -> Outcome:
        self.ticks.append(at)
        return Outcome()

    def active(self) -> Sequence[Incident]:
        return ()

    def changes(self) -> Mapping[str, object | None]:
        return {"outage": {"seen": len(self.seen)}} if self.seen else {}


@dataclass(slots=True)
class Shelf:
    """A store that remembers each transaction."""

    puts: list[tuple[list[Draft], Mapping[str, object | None]]] = field(default_factory=list)

    def put(self, drafts: Iterable[Draft], state: Callable[[], Mapping[str, object | None]]) -> None:
        self.puts.append((list(drafts), state()))


def poll(*readings: Reading, lane: Lane = Lane.PERIODIC) -> Poll:
    return Poll("M0", "rs485-1", NOON, 0.25, lane, readings)


@pytest.mark.parametrize(
    ("reading", "ct", "expected"),
    [
        (Reading("voltage", Decimal("230.5"), "V"), 1, {"voltage": 230.5}),
        (Reading("current", Decimal("4.250"), "A"), 40, {"current": 170.0}),
        (Reading("active_power", 0.25, "kW"), 40, {"active_power": 10.0}),
        (Reading("relay_open", 1), 40, {"relay_open": 1.0}),
        (Reading("voltage", None), 1, {"voltage": None}),
        (Reading("voltage", Decimal("6553.5")), 1, {"voltage": None}),
        (Reading("voltage", -1), 1, {"voltage": None}),
        (Reading("current", float("nan")), 1, {"current": None}),
        (Reading("current", float("inf")), 1, {"current": None}),
        (Reading("clock", "2026-06-01T12:00:10"), 1, {"clock_offset": 9.75}),
        (Reading("clock", "no time at all"), 1, {"clock_offset": None}),
        (Reading("clock", None), 1, {"clock_offset": None}),
        (Reading("from_a_later_version", 1), 1, {}),
    ],
    ids=[
        "a decimal becomes a number",
        "a secondary current becomes a primary one",
        "and so does the power",
        "a flag has no ratio",
        "no value stays no value",
        "what cannot be true is no evidence",
        "nor is a negative voltage",
        "nor is NaN",
        "nor is infinity",
        "a device clock becomes an offset at the moment of the answer",
        "a broken device clock is no value",
        "a device clock that is not there is no value",
        "a point that nobody knows is left out",
    ],
)
def test_what_becomes_of_a_reading(reading: Reading, ct: float, expected: dict[str, Value]) -> None:
    place = replace(site(), devices=(device(0, ct=ct),))
    assert Stamp(place, Still())(poll(reading)).values == expected


def test_implausible_values_are_counted_by_device_and_point() -> None:
    stamp = Stamp(site(), Still())
    for _ in range(3):
        stamp(poll(Reading("voltage", 9999)))
    assert stamp.implausible == {("M0", "voltage"): 3}


def test_an_offset_against_a_clock_that_is_wrong_means_nothing() -> None:
    stamp = Stamp(site(), Still(trust=False))
    assert stamp(poll(Reading("clock", "2026-06-01T12:00:10"))).values == {"clock_offset": None}


@pytest.mark.parametrize(
    ("lane", "source"),
    [(Lane.PERIODIC, "poll"), (Lane.VERIFY, "verify"), (Lane.DEMAND, "read"), (Lane.BACKFILL, "backfill")],
    ids=lambda value: str(value),
)
def test_where_an_observation_comes_from(lane: Lane, source: str) -> None:
    assert Stamp(site(), Still())(poll(lane=lane)).source == source


def test_observation_incident_and_state_go_to_the_store_together_and_doubts_to_the_line() -> None:
    rules, shelf, wishes = Judge(), Shelf(), list[Wish]()
    pipeline = Pipeline.of(site(), rules, shelf, Still(), wishes.append)
    pipeline.take(poll(Reading("voltage", Decimal("230.5"))))
    [(drafts, state)] = shelf.puts
    assert [(draft.stream, draft.key) for draft in drafts] == [
        (Stream.LIVE, "rs485-1"),
        (Stream.EVENT, "event/critical"),
    ]
    assert json.loads(drafts[0].body) == {"at": NOON, "device": "M0", "took_ms": 250.0, "values": {"voltage": 230.5}}
    assert json.loads(drafts[1].body)["id"] == "i1"
    assert state["outage"] == {"seen": 1}
    assert state["gaps"] == {"heard": {"M0": NOON}, "counts": {}}
    assert [wish.device for wish in wishes] == ["M1"]


def test_a_failed_poll_is_an_observation_too() -> None:
    rules, shelf = Judge(), Shelf()
    Pipeline.of(site(), rules, shelf, Still(), print).take(
        Poll("M0", "rs485-1", NOON, 1.0, Lane.PERIODIC, fault="timeout", says="silence")
    )
    assert rules.seen[0].fault == "timeout"
    assert json.loads(shelf.puts[0][0][0].body) == {"at": NOON, "device": "M0", "took_ms": 1000.0, "fault": "timeout"}


def test_what_a_device_remembered_is_kept_and_not_judged() -> None:
    rules, shelf = Judge(), Shelf()
    down = PowerDown("M0", NOON - 3600, NOON - 3000)
    past = [Past(NOON - 7200, (Reading("voltage", 230),)), Past(NOON - 3600, notice="last_gasp")]
    Pipeline.of(site(), rules, shelf, Still(), print).recall(device(0), past, [down])
    assert rules.downs == [down]
    assert rules.seen == []
    [(drafts, _)] = shelf.puts
    assert [(draft.stream, draft.at) for draft in drafts] == [
        (Stream.BACKFILL, NOON - 7200),
        (Stream.BACKFILL, NOON - 3600),
    ]
    assert json.loads(drafts[0].body)["values"] == {"voltage": 230}
    assert json.loads(drafts[1].body)["notice"] == "last_gasp"


def test_a_conversation_about_the_past_is_no_observation_of_the_present() -> None:
    rules, shelf = Judge(), Shelf()
    Pipeline.of(site(), rules, shelf, Still(), print).take(poll(lane=Lane.BACKFILL))
    assert rules.seen == []
    assert shelf.puts == []


def test_a_tick_without_consequence_writes_nothing() -> None:
    rules, shelf = Judge(), Shelf()
    Pipeline.of(site(), rules, shelf, Still(), print).tick()
    assert rules.ticks == [NOON]
    assert shelf.puts == []


def test_whoever_asks_for_a_reading_gets_the_numbers_of_the_observation_and_texts_as_they_are() -> None:
    readings = Reading("current", Decimal("1.5")), Reading("relay_open", 1), Reading("meter_number", "0042")
    stamp = Stamp(replace(site(), devices=(device(0, ct=40.0),)), Still())
    assert stamp.told(poll(*readings)) == {"current": 60.0, "relay_open": 1.0, "meter_number": "0042"}
