"""Signed requests: an operator's own, meant for this gateway and verb, fresh, and obeyed once whatever clocks do."""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from gateway.clock import Clock
from gateway.north.commands import Commands
from gateway.north.keys import Key, Kind, new_key, read_key, write_key
from gateway.north.signature import MOST_SEEN, Seen, Signatures, message, sign
from gateway.settings.models import CommandSettings, Operator
from gateway.verbs import Request
from tests.virtual import NOON, VirtualClock, virtual

KINDS: tuple[Kind, ...] = ("hmac-sha256", "ed25519-private")


@dataclass(slots=True)
class Office:
    """Two operators, their keys, and a gateway that counts what it obeys."""

    folder: Path
    kind: Kind = "hmac-sha256"
    settings: CommandSettings = CommandSettings()
    keys: dict[str, Key] = field(default_factory=dict)
    obeyed: list[Request] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("li", "wang"):
            path = self.folder / f"{name}.key"
            if not path.exists():
                write_key(path, new_key(self.kind))
                write_key(self.folder / f"{name}.pub", read_key(str(path)).public())
            self.keys[name] = read_key(str(path))
        rows = tuple(Operator(name, str(self.folder / f"{name}.pub")) for name in self.keys)
        self.settings = replace(self.settings, operator=self.settings.operator or rows)

    def keep(self, items: Mapping[str, object | None]) -> None:
        for key, value in json.loads(json.dumps(items)).items():
            self.state[key] = value
            if value is None:
                del self.state[key]

    def gateway(self, clock: Clock) -> Commands:
        """As it is after a start: what it knows of the past is what was kept."""
        check = Signatures("gw1", self.settings, clock, Seen(self.state, self.keep)).check

        async def obey(request: Request) -> object:
            self.obeyed.append(request)
            return request.operator

        return Commands({"read": obey, "acknowledge": obey}, clock, check)

    def signed(self, operator: str = "li", key: str = "", **fields: object) -> bytes:
        request = {"gateway": "gw1", "verb": "read", "id": "r1", "issued": NOON, "device": "M1", **fields}
        return sign(self.keys[key or operator], operator, request)


async def answered(commands: Commands, payload: bytes, verb: str = "read") -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(await commands.answer(verb, payload))
    return answer


@pytest.mark.parametrize("kind", KINDS)
def test_a_signed_request_is_obeyed_in_the_name_of_its_operator(tmp_path: Path, kind: Kind) -> None:
    @virtual
    async def story() -> None:
        office = Office(tmp_path, kind)
        answer = await answered(office.gateway(VirtualClock()), office.signed())
        assert (answer["ok"], answer["id"], answer["result"]) == (True, "r1", "li")
        assert office.obeyed[0].arguments == {"device": "M1"}

    story()


def altered(payload: bytes, **fields: str) -> bytes:
    return json.dumps(json.loads(payload) | fields).encode()


Forge = Callable[[Office], bytes]
REFUSED: dict[str, tuple[Forge, str]] = {
    "signed with somebody else's key": (lambda office: office.signed("li", key="wang"), "not of an operator"),
    "signed by nobody known": (lambda office: altered(office.signed(), operator="chen"), "not of an operator"),
    "another operator's name on it": (lambda office: altered(office.signed(), operator="wang"), "not of an operator"),
    "a text that was changed": (
        lambda office: altered(office.signed(), request=office.signed().decode()), "not of an operator",
    ),
    "half a signature": (
        lambda office: altered(office.signed(), signature=json.loads(office.signed())["signature"][:32]),
        "not of an operator",
    ),
    "a signature that is no hex": (lambda office: altered(office.signed(), signature="zz"), "not of an operator"),
    "an empty signature": (lambda office: altered(office.signed(), signature=""), "not of an operator"),
    "something beside the signed text": (
        lambda office: altered(office.signed(), device="M2"), "has the texts operator, request and signature",
    ),
    "a signature that is no text": (
        lambda _: b'{"operator":"li","request":"{}","signature":1}', "has the texts operator, request and",
    ),
    "for another gateway": (lambda office: office.signed(gateway="gw2"), "for gateway 'gw2', and this is 'gw1'"),
    "for no gateway": (lambda office: office.signed(gateway=None), "was signed for gateway None"),
    "for another verb": (lambda office: office.signed(verb="unplan"), "was signed as 'unplan' and came as 'read'"),
    "issued long ago": (
        lambda office: office.signed(issued=NOON - 121), "issued at 2026-06-01T11:57:59.000Z, and it is 2026-06-01T12",
    ),
    "issued in the future": (lambda office: office.signed(issued=NOON + 121), "more than 120 s apart"),
    "issued at the end of time": (lambda office: office.signed(issued=1e300), "was issued at 1e+300"),
    "issued never": (lambda office: office.signed(issued=None), "needs an 'id' and 'issued'"),
    "without an id": (lambda office: office.signed(id=None), "needs an 'id' and 'issued'"),
    "expired": (lambda office: office.signed(expires=NOON - 1), "expired at 2026-06-01T11:59:59.000Z"),
}  # fmt: skip


@pytest.mark.parametrize(("forge", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_in_order_is_refused_with_a_sentence(tmp_path: Path, forge: Forge, says: str) -> None:
    @virtual
    async def story() -> None:
        office = Office(tmp_path)
        answer = await answered(office.gateway(VirtualClock()), forge(office))
        assert not answer["ok"]
        assert says in answer["error"]
        assert office.obeyed == []
        assert office.keys["li"].secret.hex() not in json.dumps(answer)

    story()


def test_what_was_signed_has_to_be_an_object(tmp_path: Path) -> None:
    @virtual
    async def story() -> None:
        office = Office(tmp_path)
        for text, says in (("[1]", "must be an object"), ("{", "is no JSON")):
            envelope = {"operator": "li", "request": text, "signature": office.keys["li"].sign(message("li", text))}
            answer = await answered(office.gateway(VirtualClock()), json.dumps(envelope).encode())
            assert says in answer["error"]

    story()


@pytest.mark.parametrize(("signed", "ok"), [("control", True), ("all", False)])
def test_the_site_says_what_has_to_be_signed(tmp_path: Path, signed: Any, ok: bool) -> None:
    @virtual
    async def story() -> None:
        office = Office(tmp_path, settings=CommandSettings(signed=signed))
        answer = await answered(office.gateway(VirtualClock()), b'{"id":"r1","device":"M1"}')
        assert answer["ok"] is ok
        assert ok or answer["error"] == "'read' has to be signed by an operator: --operator NAME --key FILE"

    story()


def test_an_operator_asks_only_what_he_may(tmp_path: Path) -> None:
    @virtual
    async def story() -> None:
        office = Office(tmp_path)
        rows = tuple(replace(one, verbs=("acknowledge",)) for one in office.settings.operator)
        office.settings = replace(office.settings, operator=rows)
        gateway = office.gateway(VirtualClock())
        assert "li may not ask 'read'" in (await answered(gateway, office.signed()))["error"]
        asked = office.signed(verb="acknowledge", incident="i1")
        request = {"gateway": "gw1", "verb": "acknowledge", "id": "r2", "issued": NOON, "incident": "i1"}
        assert json.loads(asked)["operator"] == "li"
        assert (await answered(gateway, sign(office.keys["li"], "li", request), "acknowledge"))["ok"]

    story()


def test_a_request_that_comes_twice_is_answered_from_memory(tmp_path: Path) -> None:
    @virtual
    async def story() -> None:
        office = Office(tmp_path)
        gateway = office.gateway(VirtualClock())
        first, second = [await answered(gateway, office.signed()) for _ in range(2)]
        assert first == second
        assert len(office.obeyed) == 1

    story()


def test_a_request_that_comes_again_after_a_restart_is_not_obeyed(tmp_path: Path) -> None:
    @virtual
    async def story() -> None:
        office, clock = Office(tmp_path), VirtualClock()
        await answered(office.gateway(clock), office.signed())
        again = await answered(office.gateway(clock), office.signed())
        assert again["error"] == "came before, and its answer is forgotten: ask with another id"
        assert len(office.obeyed) == 1

    story()


def test_no_clock_that_is_set_back_makes_an_old_request_new(tmp_path: Path) -> None:
    @virtual
    async def story() -> None:
        office, clock = Office(tmp_path), VirtualClock()
        gateway = office.gateway(clock)
        await answered(gateway, office.signed())
        clock.step(1000)
        await answered(gateway, office.signed(id="r2", issued=NOON + 1000))
        assert "signed/li/r1" not in office.state, "it is forgotten"
        clock.step(-1000)
        for commands in (gateway, office.gateway(clock)):
            answer = await answered(replace_answers(commands), office.signed())
            assert answer["error"] == "was issued before requests that are forgotten already: it may have come before"
        assert len(office.obeyed) == 2

    story()


def replace_answers(commands: Commands) -> Commands:
    """The same commands without any memory of answers."""
    return Commands(commands.verbs, commands.clock, commands.check)


def test_what_is_remembered_of_an_operator_is_bounded() -> None:
    kept: dict[str, object | None] = {}
    seen = Seen({}, kept.update)
    for number in range(MOST_SEEN + 50):
        seen.note("li", f"r{number}", NOON + number, stale=NOON - 1)
    ids = [key for key, value in kept.items() if key.startswith("signed/") and value is not None]
    assert len(ids) == MOST_SEEN
    assert seen.floor("li") == NOON + 49
    assert not seen.before("li", "r49")
    assert seen.before("li", "r50")


def test_a_gateway_that_does_not_know_the_time_says_so(tmp_path: Path) -> None:
    @virtual
    async def story() -> None:
        office = Office(tmp_path)
        answer = await answered(office.gateway(VirtualClock(trust=False)), office.signed())
        assert "does not know the time" in answer["error"]

    story()


def test_an_operator_whose_key_is_gone_is_refused_and_the_others_are_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    @virtual
    async def story() -> None:
        office = Office(tmp_path)
        (tmp_path / "li.pub").unlink()
        gateway = office.gateway(VirtualClock())
        assert not (await answered(gateway, office.signed()))["ok"]
        assert (await answered(gateway, office.signed("wang", id="r2")))["ok"]

    story()
    assert "operator li is refused" in caplog.text


def test_a_program_of_somebody_else_can_sign_as_the_readme_says(tmp_path: Path) -> None:
    @virtual
    async def story() -> None:
        office = Office(tmp_path)
        text = '{"gateway": "gw1",  "verb": "read", "id": "r1", "issued": 1780315200, "device": "M1"}'
        secret = bytes.fromhex((tmp_path / "li.key").read_text().split()[1])
        signature = hmac.new(secret, b"taiqu-request-1\nli\n" + text.encode(), hashlib.sha256).hexdigest()
        envelope = {"operator": "li", "request": text, "signature": signature}
        assert (await answered(office.gateway(VirtualClock()), json.dumps(envelope).encode()))["ok"]

    story()


JSON = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.floats() | strategies.integers() | strategies.text(),
    lambda inner: strategies.lists(inner, max_size=3) | strategies.dictionaries(strategies.text(), inner, max_size=3),
    max_leaves=5,
)
FIELDS = ("gateway", "verb", "id", "issued", "expires", "device", "operator", "request", "signature")


@given(strategies.dictionaries(strategies.sampled_from(FIELDS), JSON), strategies.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_comes_is_answered_and_only_what_is_in_order_is_obeyed(
    tmp_path: Path, request_: dict[str, Any], signed: bool
) -> None:
    @virtual
    async def story() -> None:
        office = Office(tmp_path, settings=CommandSettings(signed="all"))
        text = json.dumps(request_)
        signature = office.keys["li"].sign(message("li", text))
        envelope = {"operator": "li", "request": text, "signature": signature} if signed else request_
        answer = await answered(office.gateway(VirtualClock()), json.dumps(envelope).encode())
        assert answer["ok"] is bool(office.obeyed)
        assert not office.obeyed or (signed and request_["gateway"] == "gw1" and request_["verb"] == "read")

    story()
