"""What was done, refused or cut off stands in the audit log, and no secret stands anywhere."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from drivers.dlt645.frame import Frame, encode, frames
from drivers.dlt645.services.write import RELAY, WRITE
from gateway.control.audit import Head
from gateway.settings.models import ControlSettings, MeterSecrets
from tests.gateway.control.scene import EVERYTHING, Scene, refusal, tell
from tests.lines import Hearing


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
