"""A silence keeps back what is expected, tells what is left when it is over, and survives the gateway."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from gateway.pipeline import Pipeline
from gateway.silence import Silence, Silences
from gateway.store import Draft, Stream
from gateway.verbs import Request
from gateway.verbs.names import Names
from gateway.verbs.quiet import Silencing
from gateway.verbs.request import RefusedRequestError
from rules.area import Area, Device, Node
from rules.correction import PowerDown
from rules.incident import Incident, Outcome
from rules.observation import Observation
from rules.topology import Tree
from tests.gateway.north.site import AREA, incident, observation, site
from tests.virtual import NOON, VirtualClock, virtual

TREE = Tree(
    Area(
        "TQ1",
        (Node("T1", "transformer"), Node("F1", "feeder", "T1"), Node("B1", "box", "F1"), Node("B2", "box", "F1")),
        (Device("M0", "meter", "B1", "A"), Device("M1", "meter", "B1", "B"), Device("M2", "meter", "B2", "A")),
    )
)
END = NOON + 3600
BOX = Silence("works", END, "Li", node="B1")


def at(node: str, kind: str = "box_outage", **changes: Any) -> Incident:
    return replace(incident("i1", at=NOON), node=node, type=kind, **changes)


COVERED: dict[str, tuple[Silence, Incident, bool]] = {
    "the node itself": (BOX, at("B1"), True),
    "a device below it": (BOX, at("M1", "meter_outage"), True),
    "a node beside it": (BOX, at("B2"), False),
    "what feeds it": (BOX, at("F1", "feeder_outage"), False),
    "everything below a feeder": (replace(BOX, node="F1"), at("M2"), True),
    "another kind at the place": (replace(BOX, kind="low_voltage"), at("B1"), False),
    "a kind, wherever it is": (replace(BOX, node="", kind="low_voltage"), at("B2", "low_voltage"), True),
    "a device alone": (replace(BOX, node="M1"), at("M0"), False),
    "a line all of whose devices are there": (BOX, at("rs485-1", "comm_noise", devices=("M0", "M1")), True),
    "a line with a device elsewhere": (BOX, at("rs485-1", "comm_noise", devices=("M0", "M2")), False),
    "a line without devices": (BOX, at("rs485-1", "comm_noise", devices=()), False),
}


@pytest.mark.parametrize(("silence", "one", "covered"), COVERED.values(), ids=COVERED.keys())
def test_what_a_silence_is_about(silence: Silence, one: Incident, covered: bool) -> None:
    assert silence.covers(one, TREE) is covered


def quiet(*silences: Silence, saved: dict[str, object] | None = None) -> Silences:
    keeper = Silences(TREE, saved)
    for silence in silences:
        keeper.begin(silence)
    return keeper


FIRST = at("B1", state="suspected", reason="first")
CONFIRMED = at("B1", reason="confirmed")
CLEARED = at("B1", state="cleared", reason="cleared")
CORRECTED = at("B1", state="cleared", reason="corrected")


def test_what_begins_and_ends_in_silence_is_never_told_not_even_its_correction() -> None:
    keeper = quiet(BOX)
    assert [keeper.told([one]) for one in (FIRST, CONFIRMED, CLEARED, CORRECTED)] == [[], [], [], []]
    assert keeper.tick(END, tuple) == []
    assert keeper.told([CORRECTED]) == []


def test_what_still_lasts_when_the_silence_is_over_is_told_as_new() -> None:
    keeper = quiet(BOX)
    keeper.told([FIRST, CONFIRMED])
    assert (keeper.held, keeper.known([CONFIRMED])) == (1, [])
    assert keeper.tick(END - 1, lambda: [CONFIRMED]) == []
    assert keeper.tick(END, lambda: [CONFIRMED]) == [replace(CONFIRMED, reason="first", at=END)]
    assert (keeper.held, keeper.known([CONFIRMED]), keeper.lasting()) == (0, [CONFIRMED], ())
    assert keeper.tick(END + 1, lambda: [CONFIRMED]) == []
    assert keeper.told([CLEARED]) == [CLEARED]


def test_what_was_known_before_is_told_when_it_ends_and_else_when_the_silence_does() -> None:
    keeper = quiet()
    assert keeper.told([FIRST]) == [FIRST]
    keeper.begin(BOX)
    assert keeper.told([CONFIRMED]) == []
    assert keeper.known([CONFIRMED]) == [CONFIRMED], "its alarm stands as it did"
    assert keeper.tick(END, lambda: [CONFIRMED]) == [replace(CONFIRMED, reason="reminder", at=END)]
    keeper.begin(replace(BOX, until=END + 60))
    assert keeper.told([CLEARED]) == [CLEARED]


def test_what_grows_out_of_the_silent_place_is_told_as_new() -> None:
    keeper = quiet(BOX)
    keeper.told([FIRST])
    moved = at("F1", "feeder_outage", reason="moved")
    assert keeper.told([moved]) == [replace(moved, reason="first")]


def test_a_silence_and_what_it_keeps_back_survive_the_gateway() -> None:
    keeper = quiet(BOX)
    keeper.told([FIRST])
    saved = json.loads(json.dumps(keeper.changes()))
    assert keeper.changes() == {}
    again = quiet(saved=saved)
    assert again.lasting() == (BOX,)
    assert again.told([CONFIRMED]) == []
    assert again.tick(END, lambda: [CONFIRMED])[0].reason == "first"
    assert again.changes() == {"silence/works": None, "silenced": {"held": [], "stale": [], "past": []}}


def test_a_silence_that_is_ended_by_hand_tells_what_it_kept_back() -> None:
    keeper = quiet(BOX)
    keeper.told([FIRST])
    assert keeper.end("works") == BOX
    assert keeper.end("works") is None
    assert [one.reason for one in keeper.tick(NOON + 1, lambda: [CONFIRMED])] == ["first"]


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "about nothing": ({"until": END, "by": "Li"}, "say what is to be silent"),
    "by nobody": ({"until": END, "node": "B1"}, "'by' is missing"),
    "for the past": ({"until": NOON - 1, "node": "B1", "by": "Li"}, "'until' must be later than now"),
    "for a year": ({"until": NOON + 3e7, "node": "B1", "by": "Li"}, "by 30 days at most"),
    "about a node that nobody has": ({"until": END, "node": "X", "by": "Li"}, "there is no node 'X'"),
    "about a kind that nobody tells": ({"until": END, "kind": "box_outrage", "by": "Li"}, "did you mean 'box_outage'?"),
    "about a device that nobody has": ({"until": END, "device": "X", "by": "Li"}, "there is no device 'X'"),
}


@pytest.mark.parametrize(("arguments", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_a_silence_that_makes_no_sense_is_refused(arguments: dict[str, object], says: str) -> None:
    @virtual
    async def refused() -> None:
        keeper = quiet()
        with pytest.raises(RefusedRequestError, match=says):
            await Silencing(Names(site()), keeper, VirtualClock(), print).silence(Request("s1", arguments))
        assert keeper.lasting() == ()

    refused()


@virtual
async def test_operators_begin_list_and_end_silences() -> None:
    keeper = Silences(Tree(AREA))
    kept: dict[str, object | None] = {}
    theme = Silencing(Names(site()), keeper, VirtualClock(), kept.update)
    request = Request("s1", {"device": "M1", "until": END, "reason": "new cable"}, operator="wang")
    assert await theme.silence(request) == {
        "id": "s1", "until": END, "by": "wang", "node": "M1", "kind": "", "reason": "new cable",
    }  # fmt: skip
    assert kept.keys() == {"silence/s1"}
    listed: Any = await theme.silences(Request("s2"))
    assert [one["id"] for one in listed] == ["s1"]
    with pytest.raises(RefusedRequestError, match="no silence 's9'; there is s1"):
        await theme.unsilence(Request("s3", {"silence": "s9"}))
    await theme.unsilence(Request("s4", {"silence": "s1"}))
    assert (keeper.lasting(), kept) == ((), {"silence/s1": None})


@dataclass(slots=True)
class Fuse:
    """Rules that find a box dead at the first observation, and alive again at the third."""

    seen: int = 0
    lasting: tuple[Incident, ...] = ()

    def take(self, _observation: Observation) -> Outcome:
        self.seen += 1
        said = {1: FIRST, 2: CONFIRMED, 3: CLEARED}[self.seen]
        self.lasting = (said,) if self.seen < 3 else ()
        return Outcome((said,))

    def tick(self, _at: float) -> Outcome:
        return Outcome()

    def correct(self, downs: Iterable[PowerDown]) -> None:
        """Nothing is remembered."""

    def plan_for(self, nodes: Iterable[str], since: float) -> None:
        """Nothing is announced."""

    def active(self) -> tuple[Incident, ...]:
        return self.lasting

    def changes(self) -> dict[str, object | None]:
        return {}


@virtual
async def test_observations_in_silence_are_kept_and_incidents_are_not_told_until_it_is_over() -> None:
    events: list[Any] = []

    class Shelf:
        def put(self, drafts: Iterable[Draft], state: object) -> None:
            assert state is not None
            events.extend(json.loads(draft.body) for draft in drafts if draft.stream is Stream.EVENT)

    rules, clock = Fuse(), VirtualClock()
    pipeline = Pipeline.of(site(), rules, Shelf(), clock, print)
    pipeline.silences.begin(replace(BOX, until=clock.wall() + 60))
    for number in range(2):
        pipeline.observe(observation(number))
    pipeline.tick()
    assert (events, pipeline.active(), pipeline.observations) == ([], [], 2)
    await asyncio.sleep(61)
    pipeline.tick()
    assert [(one["state"], one["reason"]) for one in events] == [("confirmed", "first")]
    assert len(pipeline.active()) == 1
    pipeline.observe(observation(3))
    assert [one["state"] for one in events] == ["confirmed", "cleared"]
