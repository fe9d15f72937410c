"""A device is changed in two steps by who may, once, within limits, and what came of it is looked at."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from drivers.dlt645.frame import Frame, encode, frames
from drivers.dlt645.services.write import RELAY, WRITE
from gateway.clock import local
from gateway.control.audit import Head
from gateway.control.way import Look, Reply
from gateway.settings.models import ControlSettings, MeterSecrets, Permit
from tests.gateway.control.scene import EVERYTHING, PERMISSIVE, Customers, Scene, refusal
from tests.lines import Hearing
from tests.virtual import run_virtual

Story = Callable[[Scene], Coroutine[Any, Any, None]]


def tell(story: Story, folder: Path, settings: ControlSettings = PERMISSIVE) -> Scene:
    async def run() -> Scene:
        scene = Scene(folder, settings)
        await story(scene)
        return scene

    return run_virtual(run())


def said(scene: Scene, function: int) -> int:
    """How often meters were told something with this function."""
    return sum(frame.function == function for _, raw in scene.line.sent for _, frame in frames(raw))


def test_a_customer_is_disconnected_in_two_steps_and_the_meter_shows_it(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            token = await scene.arm(control, "disconnect")
            assert said(scene, RELAY) == 0
            answer = await scene.confirm(control, token, "disconnect")
            assert (answer["result"], answer["verified"]) == ("done", True)
            assert (answer["before"], answer["after"]) == (
                "relay closed, told to be closed",
                "relay open, told to be open",
            )
            assert scene.meters["M1"].commands.relay.is_open
            assert not scene.meters["M2"].commands.relay.is_open
            assert scene.customers.heard == ["order M1"]

    scene = tell(story, tmp_path)
    armed, executing, executed = scene.log()[1:]
    assert scene.steps() == ["armed", "executing", "executed"]
    assert armed.told["reason"] == executing.told["reason"] == "arrears 4711"
    assert (executing.told["armed"], executed.told["executing"]) == (armed.seq, executing.seq)
    assert {one.told["operator"] for one in (armed, executing, executed)} == {"li"}
    assert [one.hash for one in scene.told] == [one.hash for one in scene.log()]


def test_he_is_reconnected_and_the_order_is_withdrawn(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            await scene.both(control, "disconnect")
            await scene.both(control, "reconnect")
            assert scene.customers.ordered == set()
        assert not scene.meters["M1"].commands.relay.is_open

    tell(story, tmp_path)


@dataclass(slots=True)
class Case:
    action: str
    shows: str
    more: dict[str, Any]
    device: str = "M1"
    result: str = "done"


DONE = {
    "the customer may close the relay himself": Case("permit_reconnect", "relay open, told to be closed", {}),
    "a relay is kept from tripping": Case("keep_power", "relay closed, told to be closed, keeps power on", {}),
    "a parameter is written": Case("write", "04000E03 = 253.0 V", {"parameter": "04000e03", "values": ["253.0"]}),
    "a clock is set": Case("set_clock", "its clock is off by 0 s", {}),
    "a demand is reset": Case("clear_demand", "maximum demand 0.0000 kW", {}),
    "an alarm is given": Case("alarm_on", "", {}, result="accepted"),
    "energies are kept": Case("freeze", "", {}, result="accepted"),
    "energies will be kept": Case("freeze", "", {"values": ["99999930"]}, result="accepted"),
    "a breaker is opened": Case("disconnect", "relay_open = 1", {}, "SWITCH"),
}


@pytest.mark.parametrize("case", DONE.values(), ids=DONE.keys())
def test_what_is_permitted_is_done_and_seen(tmp_path: Path, case: Case) -> None:
    async def story(scene: Scene) -> None:
        scene.meters["M1"].memory.set_parameter("04000E03", bytes.fromhex("0024"))
        if case.action == "permit_reconnect":
            relay = scene.meters["M1"].commands.relay
            relay.is_open = relay.told_open = True
        async with scene.gateway() as control:
            token = await scene.arm(control, case.action, case.device, **case.more)
            scene.meters["M1"].memory.registers.demands[0] = Decimal("3.2"), local(scene.clock.wall())
            if case.action == "set_clock":
                scene.meters["M1"].memory.drift = timedelta(hours=1)
            answer = await scene.confirm(control, token, case.action, case.device)
            assert answer["after"] == case.shows
            assert (answer["result"], answer["verified"]) == (case.result, case.result == "done")

    tell(story, tmp_path)


def test_what_is_so_already_is_not_told_to_the_meter(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            answer = await scene.both(control, "reconnect")
            assert (answer["result"], said(scene, RELAY)) == ("already so", 0)

    tell(story, tmp_path)


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "a device that nobody knows": ({"device": "M9"}, "there is no device 'M9' in area TQ1"),
    "an action that nobody knows": ({"action": "explode"}, "'action' must be one of disconnect, reconnect"),
    "no reason": ({"reason": ""}, "'reason' is missing"),
    "nobody": ({"by": ""}, "who changes a device has to be known"),
    "somebody whom no permit names": ({"by": "chen"}, "no [[control.permit]] allows chen to disconnect on M1"),
    "a device that no permit names": ({"device": "M2"}, "allows li to disconnect on M2"),
    "an action that no permit names": ({"action": "reconnect"}, "allows li to reconnect on M1"),
    "a parameter that no permit names": (
        {"action": "write", "parameter": "04000101", "values": ["1"]},
        "allows li to write 04000101 = 1 on M1",
    ),
    "a parameter nobody knows": (
        {"action": "write", "parameter": "04000EFF", "values": ["1"]},
        "'04000EFF' is no parameter that can be written and read back",
    ),
    "a value that does not fit": (
        {"action": "write", "parameter": "04000E03", "values": ["9999"]},
        "does not fit",
    ),
    "a password, which nobody could read back": (
        {"action": "write", "parameter": "04000C03", "values": ["02765432"]},
        "'04000C03' is no parameter that can be written and read back",
    ),
    "values where there is nothing to write": ({"values": ["1"]}, "go with the action write"),
    "a freeze at no time": ({"action": "freeze", "values": ["noon"]}, "one time: MMDDhhmm, with 99 for every"),
    "writing nothing": ({"action": "write"}, "go with the action write"),
    "a meter of the old edition": ({"device": "OLD"}, "the edition of 1997, which has no relay commands"),
    "a terminal that has no switch": ({"device": "TERMINAL"}, "ttu-modbus has no switch that can be written"),
    "what a breaker cannot": ({"device": "SWITCH", "action": "keep_power"}, "disconnect and reconnect, not keep_power"),
}
NARROW = (
    Permit(("li",), ("M1", "OLD", "TERMINAL", "M9"), ("disconnect", "freeze")),
    Permit(("li",), ("M1",), ("write",), ("04000e??", "04000c03")),
    Permit(("li",), ("SWITCH",), ("keep_power",)),
)


@pytest.mark.parametrize(("asked", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_what_may_not_be_armed_is_refused_and_written_down(tmp_path: Path, asked: dict[str, object], says: str) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            by, arguments = str(asked.get("by", "li")), {key: value for key, value in asked.items() if key != "by"}
            request = scene.request(by, **({"device": "M1", "action": "disconnect", "reason": "why"} | arguments))
            assert says in await refusal(control.arm(request))
            assert control.report.armed == 0

    scene = tell(story, tmp_path, ControlSettings(permit=NARROW))
    assert scene.steps() == ["refused"]
    assert scene.line.sent == []
    assert "02765432" not in (tmp_path / "audit-1.log").read_text()


TOKENS: dict[str, tuple[dict[str, Any], str]] = {
    "a wrong one": ({"token": "x" * 22}, "the token is wrong, used, void since a restart, or older than 60 s"),
    "none": ({"token": ""}, "'token' is missing"),
    "for another device": ({"device": "M2"}, "the token is for another device or another action"),
    "for another action": ({"action": "reconnect"}, "the token is for another device or another action"),
    "of another operator": ({"by": "wang"}, "the token is another operator's"),
}


@pytest.mark.parametrize(("wrong", "says"), TOKENS.values(), ids=TOKENS.keys())
def test_a_token_confirms_what_was_armed_and_nothing_else(tmp_path: Path, wrong: dict[str, Any], says: str) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            token = await scene.arm(control, "disconnect")
            given = {"token": token, "action": "disconnect", "device": "M1", "by": "li"} | wrong
            assert says in await refusal(scene.confirm(control, **given))
            assert said(scene, RELAY) == 0
            assert (await scene.confirm(control, token, "disconnect"))["verified"], "it is not lost by that"

    scene = tell(story, tmp_path)
    assert scene.steps() == ["armed", "refused", "executing", "executed"]


def test_a_token_is_good_once(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            token = await scene.arm(control, "disconnect")
            await scene.confirm(control, token, "disconnect")
            assert "the token is wrong, used" in await refusal(scene.confirm(control, token, "disconnect"))
            assert said(scene, RELAY) == 1

    tell(story, tmp_path)


def test_a_token_that_comes_late_is_void(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            token = await scene.arm(control, "disconnect")
            scene.clock.step(-1e7)  # the time of day has no say in it
            await asyncio.sleep(59)
            assert control.report.armed == 1
            await asyncio.sleep(2)
            assert "older than 60 s" in await refusal(scene.confirm(control, token, "disconnect"))
            assert (control.report.armed, said(scene, RELAY)) == (0, 0)

    tell(story, tmp_path)


def test_a_restart_voids_what_was_armed(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            token = await scene.arm(control, "disconnect")
        async with scene.gateway() as control:
            assert "void since a restart" in await refusal(scene.confirm(control, token, "disconnect"))

    tell(story, tmp_path)


def test_who_changes_his_mind_gives_the_token_back(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            token = await scene.arm(control, "disconnect")
            await control.disarm(scene.request(token=token, action="disconnect", device="M1"))
            assert "the token is wrong" in await refusal(scene.confirm(control, token, "disconnect"))

    assert tell(story, tmp_path).steps() == ["armed", "disarmed", "refused"]


def test_an_operator_has_one_thing_armed_on_a_device(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            first = await scene.arm(control, "disconnect")
            second = await scene.arm(control, "reconnect")
            assert control.report.armed == 1
            assert await refusal(scene.confirm(control, first, "disconnect"))
            assert not await refusal(scene.confirm(control, second, "reconnect"))

    tell(story, tmp_path)


LIMITED = ControlSettings(permit=(EVERYTHING,), per_hour=3, per_device_per_hour=2)


def test_a_device_is_switched_so_often_in_an_hour_and_no_more(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            for action in ("disconnect", "reconnect"):
                await scene.both(control, action)
            assert "M1: per_device_per_hour" in await refusal(scene.both(control, "disconnect"))
            await scene.both(control, "disconnect", "M2")
            assert "3 actions within an hour: per_hour" in await refusal(scene.both(control, "reconnect", "M2"))
            await asyncio.sleep(3600)
            assert not await refusal(scene.both(control, "reconnect", "M2"))

    tell(story, tmp_path, LIMITED)


def test_a_limit_that_is_reached_after_arming_holds_too(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            token = await scene.arm(control, "disconnect", by="wang")
            for action in ("disconnect", "reconnect"):
                await scene.both(control, action)
            assert "per_device_per_hour" in await refusal(scene.confirm(control, token, "disconnect", by="wang"))

    tell(story, tmp_path, LIMITED)


@pytest.mark.parametrize("step", [0.0, -86_400.0], ids=["soon", "with its clock set back a day"])
def test_limits_hold_over_a_restart(tmp_path: Path, step: float) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            for action in ("disconnect", "reconnect"):
                await scene.both(control, action)
            scene.clock.step(step)
            assert await refusal(scene.both(control, "disconnect"))
        scene.clock.step(-step)
        async with scene.gateway() as control:
            assert "per_device_per_hour" in await refusal(scene.both(control, "disconnect"))
            await asyncio.sleep(3600)
            assert not await refusal(scene.both(control, "disconnect"))

    tell(story, tmp_path, LIMITED)


@dataclass(slots=True)
class Deaf:
    """A good meter that hears everything, obeys, and whose answers to some functions get lost."""

    device: Hearing
    lost: tuple[int, ...]
    obeys: bool = True

    def answer(self, heard: bytes) -> bytes:
        asked = [frame for _, frame in frames(heard)]
        if not self.obeys and any(frame.function in self.lost for frame in asked):
            return b""
        answer = self.device.answer(heard)
        return b"" if any(frame.function in self.lost for frame in asked) else answer


def test_a_lost_answer_is_not_asked_for_again_the_status_word_tells(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.before = lambda meter: Deaf(meter, (RELAY,))
        async with scene.gateway() as control:
            answer = await scene.both(control, "disconnect")
            assert (answer["result"], answer["says"], said(scene, RELAY)) == ("done", "no answer", 1)

    tell(story, tmp_path)


def test_what_cannot_be_seen_is_not_called_done(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.before = lambda meter: Deaf(meter, (RELAY,), obeys=False)
        async with scene.gateway() as control:
            says = await refusal(scene.both(control, "disconnect"))
            assert says.startswith("not verified: no answer; what it shows: relay closed")
            assert "look before you ask again" in says
            assert said(scene, RELAY) == 1
            assert scene.customers.ordered == {"M1"}, "it may be open"

    scene = tell(story, tmp_path)
    assert scene.log()[-1].told["result"] == "not verified"


def test_after_an_unknown_outcome_the_state_is_read_first(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.before = lambda meter: Deaf(meter, (RELAY, 0x11))
        async with scene.gateway() as control:
            says = await refusal(scene.both(control, "disconnect"))
            assert says == "M1 is silent, so it was told nothing: no answer"
            assert (said(scene, RELAY), scene.customers.ordered) == (0, set())
        scene.before = lambda meter: Deaf(meter, (RELAY,))
        async with scene.gateway() as control:
            await scene.both(control, "disconnect")
            assert (await scene.both(control, "disconnect", by="wang"))["result"] == "already so"
            assert said(scene, RELAY) == 1

    tell(story, tmp_path, ControlSettings(permit=(EVERYTHING,), per_device_per_hour=10))


@dataclass(slots=True)
class Cutting:
    """A wire that breaks when something is looked at, or when something is told."""

    device: Hearing
    scene: Scene
    when: int  # which function it was

    def answer(self, heard: bytes) -> bytes:
        said = self.device.answer(heard)
        if any(frame.function == self.when for _, frame in frames(heard)):
            self.scene.line.unplugged = True
        return said


@pytest.mark.parametrize("when", [0x11, RELAY], ids=["after the first look", "with the command on its way"])
def test_a_line_that_breaks_in_the_middle_is_not_taken_for_a_success(tmp_path: Path, when: int) -> None:
    async def story(scene: Scene) -> None:
        scene.before = lambda meter: Cutting(meter, scene, when)
        async with scene.gateway() as control:
            says = await refusal(scene.both(control, "disconnect"))
            assert says.startswith("not verified: ")
            assert "failed in the gateway" not in says
            assert said(scene, RELAY) <= 1
            assert scene.customers.ordered == {"M1"}

    assert tell(story, tmp_path).steps() == ["armed", "executing", "executed"]


def test_a_driver_that_fails_leaves_an_end_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Failing:
        shown = True
        looks = 0

        async def look(self) -> Look:
            self.looks += 1
            if self.looks > 1:
                raise ZeroDivisionError
            return Look(True, False, "closed")

        async def act(self) -> Reply:
            return Reply(True, "yes")

    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            control.way = lambda _action: Failing()
            assert "not verified: failed in the gateway" in await refusal(scene.both(control, "disconnect"))

    assert tell(story, tmp_path).steps() == ["armed", "executing", "executed"]
    assert "disconnect of M1 failed" in caplog.text


def test_a_meter_that_refuses_is_heard_and_the_order_is_withdrawn(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.meters["M1"].commands.passwords.clear()
        async with scene.gateway() as control:
            says = await refusal(scene.both(control, "disconnect"))
            assert says.startswith("refused by M1: the meter refuses: a wrong password")
            assert scene.customers.heard == ["order M1", "unorder M1"]

    assert tell(story, tmp_path).log()[-1].told["result"] == "refused"


@dataclass(slots=True)
class Slow:
    """A relay that takes its time: until then the status word shows what was."""

    device: Any
    looks: int
    told: bool = False

    def answer(self, heard: bytes) -> bytes:
        asked = [frame for _, frame in frames(heard)]
        if any(frame.function == RELAY for frame in asked):
            self.told = True
        elif asked and self.told and self.looks > 0:
            self.looks -= 1
            relay = self.device.meter.commands.relay
            was, relay.is_open = relay.is_open, False
            answer: bytes = self.device.answer(heard)
            relay.is_open = was
            return answer
        said: bytes = self.device.answer(heard)
        return said


@pytest.mark.parametrize(("looks", "result"), [(5, "done"), (100, "not verified")], ids=["in time", "too late"])
def test_a_slow_relay_is_waited_for_within_the_bound(tmp_path: Path, looks: int, result: str) -> None:
    async def story(scene: Scene) -> None:
        scene.before = lambda meter: Slow(meter, looks)
        async with scene.gateway() as control:
            await refusal(scene.both(control, "disconnect"))
            assert said(scene, RELAY) == 1

    assert tell(story, tmp_path).log()[-1].told["result"] == result


def test_a_device_is_told_one_thing_at_a_time(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            one, other = await scene.arm(control, "disconnect"), await scene.arm(control, "reconnect", by="wang")
            first = asyncio.create_task(scene.confirm(control, one, "disconnect"))
            await asyncio.sleep(0.01)
            says = await refusal(scene.confirm(control, other, "reconnect", by="wang"))
            assert says == "M1 is being told something; wait for the answer"
            assert (await first)["verified"]

    tell(story, tmp_path)


def test_what_a_stop_cut_off_is_written_down_at_the_next_start(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            token = await scene.arm(control, "disconnect")
            cut = asyncio.create_task(scene.confirm(control, token, "disconnect"))
            await scene.until(lambda: scene.told[-1].what == "executing")
            cut.cancel()
        scene.customers = Customers()  # what was told right before a kill may not have come to disk
        for _ in range(2):
            async with scene.gateway() as control:
                assert control.report.trouble == ""

    scene = tell(story, tmp_path)
    assert scene.steps() == ["armed", "executing", "cut"]
    assert scene.customers.heard == ["order M1"], "its relay may be open"
    assert scene.log()[-2].told["says"] == "the gateway stopped: what came of it is unknown"


def test_what_was_done_while_the_service_was_away_is_told_and_known_when_it_starts(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            published = Head(control.report.seq, control.report.hash)
            await scene.both(control, "disconnect")
            await scene.both(control, "disconnect", "M2")
            await scene.both(control, "reconnect", "M2")
        scene.told.clear()
        scene.customers = Customers()
        async with scene.gateway(published):
            assert [one.seq for one in scene.told] == list(range(2, 12))
            assert scene.customers.heard == ["order M1", "order M2", "unorder M2"]

    tell(story, tmp_path)


def test_without_a_log_nothing_is_done(tmp_path: Path) -> None:
    (tmp_path / "audit-1.log").write_text("this is no audit log\n")

    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            says = await refusal(scene.both(control, "disconnect"))
            assert says.startswith("the audit log is broken:")
            assert control.report.trouble == says
        assert scene.line.sent == []

    tell(story, tmp_path)


def test_a_log_that_was_shortened_is_noticed_by_the_head_that_was_kept(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            await scene.both(control, "disconnect")
            head = Head(control.report.seq, control.report.hash)
        path = tmp_path / "audit-1.log"
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
        async with scene.gateway(head) as control:
            assert "was published and is gone" in await refusal(scene.both(control, "reconnect"))

    tell(story, tmp_path)


def test_a_crowd_of_refusals_is_counted_and_does_not_fill_the_log(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            for _ in range(200):
                assert await refusal(scene.confirm(control, "guess", "disconnect"))
            await scene.arm(control, "disconnect")
            assert control.report.refused == 200

    log = tell(story, tmp_path).log()
    assert len(log) == 1 + 60 + 1
    assert log[-1].told["refusals_not_recorded"] == 140


def test_strangers_take_no_room_in_the_log_from_operators(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            for _ in range(100):
                control.journal.turned_away("arm", {}, "no")
            await asyncio.sleep(1)
            assert await refusal(scene.confirm(control, "guess", "disconnect"))

    assert tell(story, tmp_path).steps() == ["turned away"] * 6 + ["refused"]


def test_a_gateway_that_starts_again_and_again_does_not_fill_the_log(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        for _ in range(5):
            async with scene.gateway():
                await asyncio.sleep(1)
        async with scene.gateway() as control:
            await scene.arm(control, "disconnect")
        async with scene.gateway():
            await asyncio.sleep(1)

    assert [one.what for one in tell(story, tmp_path).log()] == ["started", "armed", "started"]


def test_the_care_of_clocks_stands_in_the_log(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            assert await control.journal.clock_care("rs485-1", "broadcast")

    assert tell(story, tmp_path).steps() == ["clock care"]


def test_who_proves_nothing_is_written_down_with_what_he_claims(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            control.journal.turned_away("arm", {"operator": "li" * 1000, "device": "M1"}, "the signature is wrong")
            await asyncio.sleep(1)

    record = tell(story, tmp_path).log()[-1]
    assert (record.what, record.told["says"]) == ("turned away", "the signature is wrong")
    assert len(record.told["claimed"]["operator"]) == 100


PASSWORDS: dict[str, tuple[tuple[MeterSecrets, ...], str]] = {
    "no file for this meter": ((MeterSecrets(("M2",), "x"),), "no switch_file in [[control.meters]] is for M1"),
    "no file for the relay": (
        (MeterSecrets(("M*",), write_file="x"),),
        "no switch_file in [[control.meters]] is for M1",
    ),
    "a file that is gone": ((MeterSecrets(("M*",), "gone"),), "the password of M1 cannot be read: gone: there is no"),
}


@pytest.mark.parametrize(("rows", "says"), PASSWORDS.values(), ids=PASSWORDS.keys())
def test_without_the_password_nothing_is_armed(tmp_path: Path, rows: tuple[MeterSecrets, ...], says: str) -> None:
    async def story(scene: Scene) -> None:
        async with scene.gateway() as control:
            assert says in await refusal(scene.both(control, "disconnect"))

    tell(story, tmp_path, ControlSettings(permit=(EVERYTHING,), meters=rows))


@pytest.mark.parametrize("echo", ["none", "whole", "cut"])
def test_no_trace_and_no_answer_has_the_password(tmp_path: Path, echo: str) -> None:
    @dataclass(slots=True)
    class Echoing:
        """An adapter that gives back what it was told to send, or most of it."""

        device: Hearing

        def answer(self, heard: bytes) -> bytes:
            told = {"none": b"", "whole": heard, "cut": heard[6:]}[echo]
            return told + (b"" if echo == "cut" else self.device.answer(heard))

    says: list[str] = []

    async def story(scene: Scene) -> None:
        scene.before = Echoing if echo != "cut" else (lambda meter: _OnCommands(meter, Echoing(meter)))
        async with scene.gateway() as control:
            says.append(await refusal(scene.both(control, "disconnect")))
            frames_seen = b"|".join(frame.data for frame in scene.bus.trace.frames())
            assert bytes(byte + 0x33 for byte in bytes.fromhex("325476")) not in frames_seen
            assert bytes(byte + 0x33 & 0xFF for byte in bytes.fromhex("64738291")) not in frames_seen
            assert any(one.function == RELAY for _, one in frames(frames_seen))

    tell(story, tmp_path)
    wire = bytes(byte + 0x33 for byte in bytes.fromhex("325476")).hex(" ")
    assert wire not in says[0]
    assert "765432" not in (tmp_path / "audit-1.log").read_text()
    assert wire not in (tmp_path / "audit-1.log").read_text()


@dataclass(slots=True)
class _OnCommands:
    """One device for what changes something, another for the rest."""

    other: Hearing
    commanded: Hearing

    def answer(self, heard: bytes) -> bytes:
        told = any(frame.function in (RELAY, WRITE) for _, frame in frames(heard))
        return (self.commanded if told else self.other).answer(heard)


def test_frames_of_others_do_not_confirm_anything(tmp_path: Path) -> None:
    """A line on which another meter's agreement is heard: only what the meter itself shows counts."""

    @dataclass(slots=True)
    class Impostor:
        device: Hearing

        def answer(self, heard: bytes) -> bytes:
            if any(frame.function == RELAY for _, frame in frames(heard)):
                return encode(Frame("000000000001", RELAY | 0x80))
            return self.device.answer(heard)

    async def story(scene: Scene) -> None:
        scene.before = Impostor
        async with scene.gateway() as control:
            says = await refusal(scene.both(control, "disconnect"))
            assert says.startswith("not verified: the meter accepted it; what it shows: relay closed")

    tell(story, tmp_path)
