"""Operators' requests: obeyed once, answered always, and nothing in them can hurt."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from drivers.api import Reading
from gateway.app import Gateway
from gateway.clock import Clock, SystemClock
from gateway.north.answers import REMEMBERED, Answers
from gateway.north.commands import A_SECOND, BURST, Asked, Commands
from gateway.settings import load
from gateway.settings.models import Mqtt, Site
from gateway.settings.models import Store as StoreSettings
from gateway.simulate.site import lay_out
from gateway.south.poll import Lane, Poll
from gateway.store import Store
from gateway.verbs import VOCABULARY, Do, RefusedRequestError, Request, spoken
from gateway.verbs.asking import Asking
from gateway.verbs.hand import Handling
from gateway.verbs.keeping import Keeping
from gateway.verbs.names import Names
from gateway.verbs.pool import Announcing, announced, ordered
from gateway.verbs.request import moment, text
from rules.area import DisconnectOrder, PlannedOutage, Report
from rules.book import Book, Claim
from rules.hand import Hand
from rules.incident import Incident, Verdict
from rules.topology import Tree
from tests.gateway.north.site import AREA, desk, incident, site
from tests.servers import Listener, Server
from tests.virtual import NOON, VirtualClock, virtual


@dataclass(slots=True)
class Judge:
    """Rules that remember what they were told."""

    planned: dict[str, PlannedOutage] = field(default_factory=dict)
    ordered: dict[str, DisconnectOrder] = field(default_factory=dict)
    book: Book = field(default_factory=lambda: Book(Tree(AREA), 3600))
    hand: Hand = field(init=False)

    def __post_init__(self) -> None:
        self.hand = Hand(self.book, lambda: None)
        claim = Claim("box_outage", "B1", "confirmed", "critical", NOON - 60, NOON - 90)
        self.book.say("B1", claim, NOON)

    def judge(self, report: Report) -> Verdict:
        return Verdict(report.id, report.at, "network_fault", node="B1", incident="i1")

    def whom_to_ask(self, report: Report) -> Sequence[str]:
        return (report.device,)

    def plan(self, outage: PlannedOutage) -> None:
        self.planned[outage.id] = outage

    def unplan(self, outage: str) -> bool:
        return self.planned.pop(outage, None) is not None

    def order(self, order: DisconnectOrder) -> Sequence[Incident]:
        self.ordered[order.device] = order
        return [incident("relay")]

    def unorder(self, device: str) -> Sequence[Incident]:
        self.ordered.pop(device, None)
        return []

    def active(self) -> Sequence[Incident]:
        return self.book.active()


@dataclass(slots=True)
class Office:
    """The verbs of a small site, and what they did."""

    rules: Judge = field(default_factory=Judge)
    reads: int = 0
    kept: dict[str, object | None] = field(default_factory=dict)
    told: list[Incident] = field(default_factory=list)
    figures: Mapping[str, object] = field(default_factory=lambda: {"observations": 7})
    site: Site = field(default_factory=site)
    store: Store = field(default_factory=lambda: Store(StoreSettings(), SystemClock()))  # never opened

    async def ask(self, device: str, points: Sequence[str]) -> Poll:
        self.reads += 1
        await asyncio.sleep(0.1)
        return Poll(
            device, "rs485-1", NOON, 0.1, Lane.DEMAND, [Reading(point, 230.5) for point in points or ["voltage"]]
        )

    def keep(self, items: Mapping[str, object | None]) -> None:
        self.kept |= items

    async def renew(self) -> Mapping[str, object]:
        raise NotImplementedError

    def commands(self) -> Commands:
        clock = VirtualClock()
        return Commands(self.verbs(clock), clock)

    def verbs(self, clock: Clock) -> Mapping[str, Do]:
        names = Names(self.site)
        return spoken(
            Asking(names, self.rules, clock, self.ask),
            Keeping(self.site, names, lambda: self.figures, self.store, (), dict, self.renew),
            Announcing(self.site, names, self.rules, clock, self.keep, self.told.append),
            Handling(self.rules, clock, self.told.append),
        )


async def answered(commands: Commands, verb: str, request: object) -> dict[str, Any]:
    raw = request if isinstance(request, bytes) else json.dumps(request).encode()
    answer: dict[str, Any] = json.loads(await commands.answer(verb, raw))
    return answer


@virtual
async def test_a_device_is_read_on_demand() -> None:
    answer = await answered(Office().commands(), "read", {"id": "r1", "device": "M1", "points": ["current"]})
    assert (answer["id"], answer["ok"]) == ("r1", True)
    assert answer["result"]["values"] == {"current": 230.5}


@virtual
async def test_a_request_that_comes_twice_is_obeyed_once() -> None:
    office = Office()
    commands = office.commands()
    request = {"id": "r1", "device": "M1"}
    first, second = await asyncio.gather(*(answered(commands, "read", request) for _ in range(2)))
    third = await answered(commands, "read", request)
    assert first == second == third
    assert office.reads == 1


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


BOX = f"TQ1-{NOON - 60:.0f}-1"
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
async def test_an_order_survives_the_gateway_and_what_it_explains_is_told() -> None:
    office = Office()
    commands = office.commands()
    assert (await answered(commands, "order", {"id": "o1", "device": "M1", "at": NOON - 9}))["ok"]
    assert office.rules.ordered == {"M1": DisconnectOrder("M1", NOON - 9)}
    assert ordered(json.loads(json.dumps(office.kept))) == (DisconnectOrder("M1", NOON - 9),)
    assert [told.id for told in office.told] == ["relay"]
    assert (await answered(commands, "unorder", {"id": "o2", "device": "M1"}))["ok"]
    assert (office.rules.ordered, office.kept["order/M1"]) == ({}, None)


@virtual
async def test_what_the_configuration_announces_is_withdrawn_there() -> None:
    plans, orders = (PlannedOutage("W-1", "B1", 1, 2),), (DisconnectOrder("M1", NOON),)
    commands = Office(site=replace(site(), planned=plans, orders=orders)).commands()
    unplan = await answered(commands, "unplan", {"id": "1", "outage": "W-1"})
    unorder = await answered(commands, "unorder", {"id": "2", "device": "M1"})
    assert unplan["error"] == "W-1 stands in area.toml: take it out there, or it comes back at a restart"
    assert unorder["error"] == "the order for M1 stands in area.toml: take it out there"


@dataclass(slots=True)
class Disk:
    """What outlives a gateway: items of state. `full`: nothing comes to rest any more."""

    items: dict[str, object] = field(default_factory=dict)
    full: bool = False

    def keep(self, items: Mapping[str, object | None]) -> None:
        if not self.full:
            self.items |= {key: json.loads(json.dumps(item)) for key, item in items.items() if item is not None}
            self.items = {key: item for key, item in self.items.items() if items.get(key, item) is not None}

    async def flush(self) -> None:
        if self.full:
            await asyncio.get_running_loop().create_future()

    def life(self, office: Office) -> Commands:
        """A gateway's commands, with what earlier lives left."""
        clock = VirtualClock()
        return Commands(office.verbs(clock), clock, answers=Answers(self.items, self.keep, self.flush))


PLAN = {"id": "p1", "outage": "W-17", "node": "B1", "start": NOON, "end": NOON + 3600}


@virtual
async def test_a_request_is_obeyed_once_in_all_lives_of_the_gateway() -> None:
    office, disk = Office(), Disk()
    first = await answered(disk.life(office), "plan", PLAN)
    read = await answered(disk.life(office), "read", {"id": "r1", "device": "M1"})
    office.rules.planned.clear()
    assert await answered(disk.life(office), "plan", PLAN) == first
    assert await answered(disk.life(office), "read", {"id": "r1", "device": "M1"}) == read
    assert (office.rules.planned, office.reads) == ({}, 1)


@virtual
async def test_a_request_that_was_cut_off_is_not_obeyed_again_and_nobody_pretends_to_know_what_came_of_it() -> None:
    office, disk = Office(), Disk()
    verbs = dict(disk.life(office).verbs)

    async def forever(_request: Request) -> object:
        return await asyncio.get_running_loop().create_future()

    cut = Commands(verbs | {"plan": forever}, VirtualClock(), answers=Answers(disk.items, disk.keep, disk.flush))
    asking = asyncio.ensure_future(answered(cut, "plan", PLAN))
    await asyncio.sleep(1)
    assert not asking.done()
    again = await answered(disk.life(office), "plan", PLAN)  # the first life ended with kill -9
    asking.cancel()
    assert (again["id"], again["ok"]) == ("p1", False)
    assert again["error"].startswith("was being obeyed when the gateway stopped: what came of it is unknown")
    assert office.rules.planned == {}


@virtual
async def test_only_the_newest_answers_are_kept_and_long_ones_not_over_a_restart() -> None:
    office, disk = Office(), Disk()
    office.figures = {"lines": "x" * 10_000}
    commands = disk.life(office)
    for number in range(REMEMBERED + 10):
        await answered(commands, "unplan", {"id": str(number), "outage": "W"})
    figures = await answered(commands, "figures", {"id": "f"})
    assert figures["result"] == office.figures
    assert await answered(commands, "figures", {"id": "f"}) == figures
    assert len(disk.items) == REMEMBERED + 1
    kept = await answered(disk.life(office), "figures", {"id": "f"})
    assert (kept["ok"], kept["result"], kept["says"]) == (True, None, "the answer was too long to be kept")


@virtual
async def test_who_looks_often_does_not_push_out_what_may_not_be_obeyed_twice() -> None:
    office, disk = Office(), Disk()
    office.figures = {"lines": "x" * 100_000}
    commands = disk.life(office)
    plan = await answered(commands, "plan", PLAN)
    for number in range(REMEMBERED + 10):
        await answered(commands, "figures", {"id": str(number)})
    office.rules.planned.clear()
    assert await answered(commands, "plan", PLAN) == plan
    assert office.rules.planned == {}
    newest = await answered(commands, "figures", {"id": str(REMEMBERED + 9)})
    older = await answered(commands, "figures", {"id": str(REMEMBERED - 9)})
    assert (newest["result"], older["result"], older["says"]) == (
        office.figures, None, "the answer was too long to be kept",
    )  # fmt: skip


@virtual
async def test_what_the_disk_does_not_take_is_obeyed_all_the_same_and_that_is_said() -> None:
    office = Office()
    answer = await answered(Disk(full=True).life(office), "plan", PLAN)
    assert (answer["ok"], answer["kept"]) == (True, False)
    assert "W-17" in office.rules.planned


@virtual
async def test_a_fault_in_a_verb_is_answered_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_request: Request) -> object:
        raise ZeroDivisionError("by nothing")

    answer = await answered(Commands({"figures": broken}, VirtualClock()), "figures", {"id": "f1"})
    assert "failed in the gateway, whose journal says more: ZeroDivisionError('by nothing')" in answer["error"]
    assert "command figures f1 failed" in caplog.text


@virtual
async def test_who_waits_no_longer_than_a_moment_is_told_when_it_is_over() -> None:
    office = Office()
    late = await answered(office.commands(), "read", {"id": "r1", "device": "M1", "expires": NOON + 0.05})
    assert late["error"] == "expired before it could be answered"
    by_broker = json.loads(await office.commands().answer("read", b'{"id":"r2","device":"M1"}', within_s=0.05))
    assert by_broker["error"] == "expired before it could be answered"


@virtual
async def test_what_expires_is_not_obeyed_by_a_gateway_that_does_not_know_the_time() -> None:
    office, clock = Office(), VirtualClock(trust=False)
    commands = Commands(office.verbs(clock), clock)
    refused = await answered(commands, "read", {"id": "r1", "device": "M1", "expires": NOON + 60})
    assert "does not know the time" in refused["error"]
    assert (await answered(commands, "read", {"id": "r2", "device": "M1"}))["ok"]


@virtual
async def test_more_than_some_requests_a_second_are_not_listened_to(caplog: pytest.LogCaptureFixture) -> None:
    commands = Office().commands()
    assert sum(commands.listens() for _ in range(1000)) == BURST
    await asyncio.sleep(1)
    assert sum(commands.listens() for _ in range(1000)) == A_SECOND
    assert commands.report.unheard == 2000 - BURST - A_SECOND
    await asyncio.sleep(3600)
    assert sum(commands.listens() for _ in range(1000)) == BURST
    assert caplog.text.count("more than 10 a second") == 2, "once for each crowd"


@virtual
async def test_a_check_says_who_asks_and_takes_its_own_out_of_the_request() -> None:
    def check(verb: str, body: Mapping[str, Any]) -> Asked:
        if body.get("seal") != f"li's {verb}":
            raise RefusedRequestError("the seal is not of this request")
        return Asked({key: value for key, value in body.items() if key != "seal"}, "Li")

    office, clock = Office(), VirtualClock()
    commands = Commands(office.verbs(clock), clock, check)
    forged = await answered(commands, "acknowledge", {"id": "a1", "incident": BOX, "seal": "li's read"})
    assert forged["error"] == "the seal is not of this request"
    assert (await answered(commands, "acknowledge", {"id": "a2", "incident": BOX, "seal": "li's acknowledge"}))["ok"]
    assert [told.acknowledged_by for told in office.told] == ["Li"]


@virtual
async def test_operators_who_sign_have_ids_of_their_own() -> None:
    def check(_verb: str, body: Mapping[str, Any]) -> Asked:
        return Asked({"id": body["id"], "device": body["device"]}, body["operator"])

    office, disk, clock = Office(), Disk(), VirtualClock()
    commands = Commands(office.verbs(clock), clock, check, Answers(disk.items, disk.keep, disk.flush))
    for operator in ("li", "wang", "li"):
        answer = await answered(commands, "unorder", {"id": "1", "device": "M0", "operator": operator})
        assert answer["id"] == "1"
    assert commands.report.repeated == 1
    cut = Answers({"answer/plan/li\n7": {"at": "then", "answer": None}})
    assert json.loads(cut.get(("plan", "li\n7")) or b"")["id"] == "7"


def test_every_verb_of_the_vocabulary_is_obeyed_by_somebody(tmp_path: Path) -> None:
    gateway = Gateway(load(lay_out(tmp_path / "site")), SystemClock())
    assert gateway.commands.verbs.keys() == VOCABULARY.keys()


REFUSED: dict[str, tuple[str, object, str]] = {
    "no JSON": ("read", b"\xff\xfe{", "is no JSON"),
    "no object": ("read", ["id"], "must be an object"),
    "no id": ("read", {"device": "M1"}, "'id' is missing"),
    "an id that nobody can read": ("read", {"id": "li\n1", "device": "M1"}, "'id' is missing"),
    "an id that is endless": ("read", {"id": "x" * 101}, "'id' is missing"),
    "too long": ("read", b'{"id":"' + b"x" * 20_000 + b'"}', "too long"),
    "a verb that nobody knows": ("explode", {"id": "1"}, "; there are acknowledge, backfill, configuration, figures, "),
    "expired": ("read", {"id": "1", "device": "M1", "expires": NOON - 1}, "expired at 2026-06-01T11:59:59.000Z"),
    "expired before time began": ("read", {"id": "1", "device": "M1", "expires": -1e300}, "expired at 1970-01-01"),
    "an expiry that is no time": ("read", {"id": "1", "expires": "soon"}, "'expires' must be epoch seconds"),
    "an argument that the verb has not": (
        "read", {"id": "1", "device": "M1", "pointz": []}, "read has no argument 'pointz'; it has device, points",
    ),
    "an argument of a verb that has none": ("figures", {"id": "1", "all": True}, "'all'; it has none"),
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
    "an outage without a time": ("plan", {"id": "1", "outage": "W", "node": "B1", "start": True}, "'start'"),
}  # fmt: skip


@pytest.mark.parametrize(("verb", "request_", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_wrong_is_refused_with_a_sentence(verb: str, request_: object, says: str) -> None:
    @virtual
    async def refused() -> None:
        office = Office()
        answer = await answered(office.commands(), verb, request_)
        assert answer["ok"] is False
        assert says in answer["error"]
        assert (office.reads, office.kept) == (0, {})

    refused()


@virtual
async def test_a_crowd_of_requests_is_refused_and_not_queued() -> None:
    office = Office()
    commands = office.commands()
    answers = await asyncio.gather(
        *(answered(commands, "read", {"id": str(number), "device": "M1"}) for number in range(50))
    )
    assert sum(answer["ok"] for answer in answers) == 8
    assert {answer["error"] for answer in answers if not answer["ok"]} == {"busy with 8 requests; ask again"}


@pytest.mark.broker
async def test_an_operator_asks_over_the_broker_and_is_answered(mosquitto: Server, tmp_path: Path) -> None:
    office, clock = Office(), SystemClock()
    verbs = office.verbs(clock)
    settings = Mqtt(port=mosquitto.port, together_s=0.05)
    operator = paho.Client(CallbackAPIVersion.VERSION2)
    with closing(Listener(mosquitto.port)) as listener:
        async with desk(tmp_path / "a.db", settings, commands=Commands(verbs, clock)) as gateway:
            await gateway.until(lambda: gateway.sender.report.connected)
            operator.connect("127.0.0.1", mosquitto.port)
            operator.loop_start()
            operator.publish("taiqu/v1/gw1/cmd/read", b'{"id":"r1","device":"M1"}', qos=1)
            answer = (await asyncio.to_thread(listener.topic, "gw1/rsp/read"))[0].data
        operator.disconnect()
        operator.loop_stop()
    assert (answer["id"], answer["result"]["values"]) == ("r1", {"voltage": 230.5})


WHEN: dict[str, tuple[object, float]] = {
    "epoch seconds": (NOON + 5, NOON + 5),
    "epoch seconds as a text": ("1780315200", 1780315200.0),
    "ISO 8601 with a zone": ("2026-06-01T21:00:00+08:00", NOON + 3600),
    "ISO 8601 in UTC": ("2026-06-01T12:30:00Z", NOON + 1800),
    "minutes from now": ("+90m", NOON + 5400),
    "days from now": ("+2d", NOON + 172_800),
    "a span that is over": ("-30s", NOON - 30),
}


@pytest.mark.parametrize(("said", "at"), WHEN.values(), ids=WHEN.keys())
def test_a_time_may_be_said_as_people_say_it(said: object, at: float) -> None:
    assert moment(Request("1", {"until": said}), "until", NOON) == at


@pytest.mark.parametrize("said", ["soon", "2026-06-01T12:00:00", "+1y", "+m", "+5", "nan", True, None, ["+1h"]])
def test_what_is_no_time_or_has_no_zone_is_refused(said: object) -> None:
    with pytest.raises(RefusedRequestError, match="'until' is missing or no time: epoch seconds, 2026-06-01T14:00:00"):
        moment(Request("1", {"until": said}), "until", NOON)


@pytest.mark.parametrize(
    "said", [1e308, 1_780_315_200_000, -1.0, "1e300", "+999999d", "-999999d", "0001-01-01T00:00:00Z"]
)
def test_a_time_that_no_calendar_shows_is_refused(said: object) -> None:
    says = "'until' is missing or no time" if said == -1.0 else "'until' must be a time from 1970 to 2199"
    with pytest.raises(RefusedRequestError, match=says):
        moment(Request("1", {"until": said}), "until", NOON)


def test_a_text_that_no_topic_can_carry_is_refused() -> None:
    for said in ("a\0b", "\x1b[2J", "\x85"):
        with pytest.raises(RefusedRequestError, match="'outage' holds signs that cannot be printed"):
            text(Request("1", {"outage": said}), "outage")
    assert text(Request("1", {"complaint": "两盏灯\nno light"}), "complaint") == "两盏灯\nno light"
