"""What operators ask for is done, told and kept; what makes no sense is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.app import Gateway
from gateway.clock import SystemClock
from gateway.settings import load
from gateway.simulate.site import lay_out
from gateway.verbs import VOCABULARY
from gateway.verbs.pool import announced, ordered
from rules.area import DisconnectOrder, PlannedOutage
from tests.gateway.north.site import site
from tests.gateway.verbs.office import BOX, Office, answered, refused
from tests.virtual import NOON, virtual


@virtual
async def test_a_device_is_read_on_demand() -> None:
    answer = await answered(Office().commands(), "read", {"id": "r1", "device": "M1", "points": ["current"]})
    assert (answer["id"], answer["ok"]) == ("r1", True)
    assert answer["result"]["values"] == {"current": 230.5}


@virtual
async def test_a_call_of_long_ago_is_not_judged_by_how_things_are_now() -> None:
    commands = Office().commands()
    for number, (at, good) in enumerate(((-3000, True), (30, True), (-4000, False), (120, False))):
        answer = await answered(commands, "judge", {"id": f"call-{number}", "device": "M1", "at": NOON + at})
        assert answer["ok"] is good, at
        assert good or "'at' must be within the hour before now" in answer["error"]


@virtual
async def test_a_call_is_judged() -> None:
    answer = await answered(Office().commands(), "judge", {"id": "call-7", "device": "M1", "complaint": "no light"})
    assert (answer["result"]["verdict"], answer["result"]["report"]) == ("network_fault", "call-7")
    assert answer["result"]["read"] == {"M1": "answered"}


@virtual
async def test_shared_power_is_announced_as_what_it_is() -> None:
    office = Office()
    plan = {"id": "p1", "outage": "O-3", "node": "B1", "start": NOON, "end": NOON + 3600, "kind": "orderly"}
    assert (await answered(office.commands(), "plan", plan))["ok"]
    assert office.rules.planned["O-3"].kind == "orderly"


@virtual
async def test_an_announced_outage_survives_the_gateway() -> None:
    office = Office()
    commands = office.commands()
    plan = {"id": "p1", "outage": "W-17", "node": "B1", "start": NOON, "end": NOON + 3600, "reason": "new cable"}
    assert (await answered(commands, "plan", plan))["ok"]
    assert office.rules.planned["W-17"].reason == "new cable"
    stored = json.loads(json.dumps(office.kept))
    assert announced(stored) == (office.rules.planned["W-17"],)
    assert (await answered(commands, "unplan", {"id": "p2", "outage": "W-17"}))["ok"]
    assert (office.rules.planned, office.kept["plan/W-17"]) == ({}, None)
    again = await answered(commands, "unplan", {"id": "p3", "outage": "W-17"})
    assert again["error"] == "no outage 'W-17' is announced; the topics pool/... are those that are"


@virtual
async def test_announcements_that_the_rules_forget_leave_the_store() -> None:
    office = Office()
    office.rules.planned["old"] = PlannedOutage("old", "B1", NOON - 7200, NOON - 3600)
    plan = {"id": "p1", "outage": "W-17", "node": "B1", "start": NOON, "end": NOON + 3600}
    assert (await answered(office.commands(), "plan", plan))["ok"]
    assert announced(office.kept) == (office.rules.planned["W-17"],)
    assert office.kept["plan/old"] is None


BY_HAND: dict[str, tuple[str, dict[str, object], dict[str, object]]] = {
    "acknowledged": ("acknowledge", {"by": "Li"}, {"reason": "acknowledged", "acknowledged_by": "Li"}),
    "shelved": (
        "shelve",
        {"by": "Li", "until": NOON + 60},
        {"reason": "shelved", "shelved_by": "Li", "shelved_until": NOON + 60},
    ),
    "under way": ("progress", {"state": "dispatched"}, {"reason": "progress", "progress": "dispatched"}),
    "under way, with an end": (
        "progress", {"state": "arrived", "expected_end": NOON + 9}, {"progress": "arrived", "expected_end": NOON + 9},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("verb", "arguments", "fields"), BY_HAND.values(), ids=BY_HAND.keys())
def test_an_incident_is_taken_in_hand(verb: str, arguments: dict[str, object], fields: dict[str, object]) -> None:
    @virtual
    async def handled() -> None:
        office = Office()
        answer = await answered(office.commands(), verb, {"id": "h1", "incident": BOX, **arguments})
        [incident] = answer["result"]
        [told] = office.told
        assert {name: incident[name] for name in fields} == fields
        assert (incident["id"], told) == (BOX, office.rules.active()[0])

    handled()


@virtual
async def test_what_is_shelved_can_be_taken_off_the_shelf() -> None:
    office = Office()
    commands = office.commands()
    await answered(commands, "shelve", {"id": "h1", "incident": BOX, "by": "Li", "until": NOON + 60})
    assert (await answered(commands, "unshelve", {"id": "h2", "incident": BOX}))["ok"]
    assert [told.shelved_until for told in office.told] == [NOON + 60, None]
    again = await answered(commands, "unshelve", {"id": "h3", "incident": BOX})
    assert again["error"] == f"{BOX} is not shelved"


@virtual
async def test_who_acknowledged_first_is_said_to_who_comes_second() -> None:
    commands = Office().commands()
    await answered(commands, "acknowledge", {"id": "h1", "incident": BOX, "by": "Li"})
    second = await answered(commands, "acknowledge", {"id": "h2", "incident": BOX, "by": "Wang"})
    assert second["error"] == f"{BOX} is acknowledged by Li already"


@virtual
async def test_orders_survive_the_gateway_and_what_it_explains_is_told() -> None:
    office = Office()
    commands = office.commands()
    assert (await answered(commands, "order", {"id": "o1", "device": "M1", "at": NOON - 9}))["ok"]
    assert (await answered(commands, "order", {"id": "o2", "device": "M1", "at": NOON + 90}))["ok"]
    both = (DisconnectOrder("M1", NOON - 9), DisconnectOrder("M1", NOON + 90))
    assert office.rules.ordered == {"M1": [*both]}
    assert ordered(json.loads(json.dumps(office.kept))) == both
    assert [told.id for told in office.told] == ["relay", "relay"]
    assert (await answered(commands, "unorder", {"id": "o3", "device": "M1"}))["ok"]
    assert (office.rules.ordered, office.kept["order/M1"]) == ({}, None)
    again = await answered(commands, "unorder", {"id": "o4", "device": "M1"})
    assert again["error"] == "there is no order for M1; the topics pool/order-... are those that are"


def test_what_was_kept_for_a_time_that_no_calendar_shows_is_forgotten_and_nothing_else() -> None:
    good, never = {"id": "W", "node": "B1", "start": NOON, "end": NOON + 9}, {"start": NOON, "end": 1e308}
    assert announced({"plan/W": good, "plan/X": {**good, **never}}) == (PlannedOutage("W", "B1", NOON, NOON + 9),)
    kept = {"order/M1": {"device": "M1", "at": NOON}, "order/M2": {"device": "M2", "at": -1.0}}
    assert ordered(kept) == (DisconnectOrder("M1", NOON),)


@virtual
async def test_orders_of_the_configuration_are_not_kept_beside_it() -> None:
    """Taken out of area.toml they are gone, and do not come back out of the store."""
    office = Office(site=replace(site(), orders=(DisconnectOrder("M1", NOON),)))
    office.rules.order(DisconnectOrder("M1", NOON))
    assert (await answered(office.commands(), "order", {"id": "1", "device": "M1", "at": NOON + 9}))["ok"]
    assert ordered(json.loads(json.dumps(office.kept))) == (DisconnectOrder("M1", NOON + 9),)


@virtual
async def test_what_the_configuration_announces_is_withdrawn_there() -> None:
    plans, orders = (PlannedOutage("W-1", "B1", 1, 2),), (DisconnectOrder("M1", NOON),)
    commands = Office(site=replace(site(), planned=plans, orders=orders)).commands()
    unplan = await answered(commands, "unplan", {"id": "1", "outage": "W-1"})
    unorder = await answered(commands, "unorder", {"id": "2", "device": "M1"})
    assert unplan["error"] == "W-1 stands in area.toml: take it out there, or it comes back at a restart"
    assert unorder["error"] == "the order for M1 stands in area.toml: take it out there"


def test_every_verb_of_the_vocabulary_is_obeyed_by_somebody(tmp_path: Path) -> None:
    gateway = Gateway(load(lay_out(tmp_path / "site")), SystemClock())
    assert gateway.commands.verbs.keys() == VOCABULARY.keys()


REFUSED: dict[str, tuple[str, object, str]] = {
    "a device of another area": ("read", {"id": "1", "device": "M99"}, "there is no device 'M99' in area TQ1"),
    "no device": ("read", {"id": "1"}, "'device' is missing"),
    "a point that the device has not": (
        "read", {"id": "1", "device": "M1", "points": ["voltage_z"]}, "M1 has no voltage_z; it has voltage, ",
    ),
    "points that are no list": ("read", {"id": "1", "device": "M1", "points": 7}, "must be a list"),
    "an outage nowhere": (
        "plan", {"id": "1", "outage": "W", "node": "X", "start": 1, "end": 2}, "there is no node 'X'",
    ),
    "an outage that ends before it begins": (
        "plan", {"id": "1", "outage": "W", "node": "B1", "start": 2, "end": 1}, "later than",
    ),
    "an outage that was over days ago": (
        "plan", {"id": "1", "outage": "W", "node": "B1", "start": 1, "end": 2}, "over for good",
    ),
    "an outage of an unknown kind": (
        "plan", {"id": "1", "outage": "W", "node": "B1", "start": 1, "end": 2, "kind": "wild"},
        "'kind' must be one of planned, orderly",
    ),
    "an incident that nobody knows": ("acknowledge", {"id": "1", "incident": "X", "by": "Li"}, "no incident 'X' lasts"),
    "an acknowledgement by nobody": ("acknowledge", {"id": "1", "incident": BOX}, "'by' is missing"),
    "a shelf for the past": (
        "shelve", {"id": "1", "incident": BOX, "by": "Li", "until": NOON - 1}, "'until' must be later than now",
    ),
    "a shelf for a year": (
        "shelve", {"id": "1", "incident": BOX, "by": "Li", "until": NOON + 3e7}, "by 30 days at most",
    ),
    "work in an unknown state": (
        "progress", {"id": "1", "incident": BOX, "state": "lost"}, "one of dispatched, arrived, repaired",
    ),
    "an end that is over": (
        "progress", {"id": "1", "incident": BOX, "state": "arrived", "expected_end": NOON}, "must be later than now",
    ),
    "an order for nobody": ("order", {"id": "1", "device": "M99"}, "there is no device 'M99'"),
    "an order of an unknown kind": ("order", {"id": "1", "device": "M1", "kind": "whim"}, "must be one of arrears"),
    "a memory from before time began": (
        "backfill", {"id": "1", "device": "M1", "start": 0}, "'start' must be within 62 days of 'end'",
    ),
    "an outage without a time": ("plan", {"id": "1", "outage": "W", "node": "B1", "start": True}, "'start'"),
}  # fmt: skip


@pytest.mark.parametrize(("verb", "request_", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_what_makes_no_sense_is_refused_with_a_sentence(verb: str, request_: object, says: str) -> None:
    refused(verb, request_, says)
