"""What came of a change is looked at, and is not taken for a success when it cannot be seen."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from drivers.dlt645.frame import frames
from drivers.dlt645.services.write import RELAY
from gateway.control.audit import Head
from gateway.control.way import Look, Reply
from gateway.settings.models import ControlSettings
from tests.gateway.control.scene import EVERYTHING, Customers, Scene, refusal, said, tell
from tests.lines import Hearing


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
