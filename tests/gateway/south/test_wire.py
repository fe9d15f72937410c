"""The manners of the line: what is heard at the wrong time is never taken for an answer."""

import asyncio

import pytest

from drivers.api import LineSettings
from gateway.settings.models import Line
from gateway.south.wire import silence, without_echo
from tests.gateway.south.rig import running, spans, values
from tests.gateway.south.toy import SETTINGS, ToyDevice, toy
from tests.lines import Faults, Seat, SimulatedLine
from tests.virtual import virtual

POINTS = "abcdefgh"
HELD = {point: point.upper() for point in POINTS}  # a value names its point: any mix-up shows


def device_line(faults: Faults, seed: int = 1, echo: bool = False) -> SimulatedLine:
    seats = [Seat(ToyDevice(address, HELD), SETTINGS) for address in ("01", "02")]
    return SimulatedLine(seats, faults, seed, echo)


LINES = {
    "late by less than the guard": Faults(late=0.2, late_s=(0.9, 1.4)),
    "lost": Faults(loss=0.2),
    "noise in front": Faults(noise_before=0.3),
    "noise behind": Faults(noise_after=0.3),
    "cut": Faults(cut=0.2),
    "a wrong byte": Faults(checksum=0.2),
    "another master in front": Faults(foreign=0.3),
    "byte by byte": Faults(slow=0.3),
}


@pytest.mark.parametrize("faults", LINES.values(), ids=LINES.keys())
@pytest.mark.parametrize("echo", [False, True], ids=["no echo", "echo"])
@virtual
async def test_no_answer_is_ever_taken_for_another(faults: Faults, echo: bool) -> None:
    line = Line("l1", "/dev/simulated", echo=echo)
    devices = [toy(address, *POINTS, period=5.0) for address in ("01", "02")]
    async with running(device_line(faults, echo=echo), *devices, line=line) as rig:
        await asyncio.sleep(600)
    got = [item for poll in rig.polls for item in values(poll).items()]
    assert sum(value is not None for _, value in got) > 800
    assert [pair for pair in got if pair[1] not in (HELD[pair[0]], None)] == []


@virtual
async def test_without_a_guard_late_answers_do_become_other_values() -> None:
    """The fault that the guard is there for is real on this line, so the test above can fail."""
    line = Line("l1", "/dev/simulated", late_guard_s=0.0)
    faults = LINES["late by less than the guard"]
    async with running(device_line(faults), toy("01", *POINTS, period=5.0), line=line) as rig:
        await asyncio.sleep(600)
    assert any(value not in (HELD[point], None) for poll in rig.polls for point, value in values(poll).items())


@virtual
async def test_late_answers_are_counted_for_who_gave_them_and_kept_for_the_trace() -> None:
    line = device_line(LINES["late by less than the guard"])
    async with running(line, toy("01", *POINTS, period=5.0), toy("02", "a", period=3600)) as rig:
        await asyncio.sleep(100)
        report = rig.bus.report()
        late = [frame for frame in rig.bus.trace.frames() if frame.direction == "late"]
        assert report.late_bytes > 0
        counts = rig.report("m01").counts
        assert counts.late == counts.timeouts == report.late_answers <= line.suffered["late"]
        assert late
        assert {frame.device for frame in late} == {"m01"}


@virtual
async def test_after_a_timeout_nobody_speaks_until_the_line_was_silent_for_the_guard() -> None:
    link = device_line(Faults())
    link.seats[0].alive = False
    async with running(link, toy("01"), toy("02")) as rig:
        await asyncio.sleep(10)
        assert rig.faults("m01") == ["timeout"]
    dead, retry, living = link.sent[:3]
    on_wire = SETTINGS.seconds(len(dead[1]))
    assert retry[0] - dead[0] == pytest.approx(on_wire + 1.0 + 0.5, abs=0.001)
    assert living[0] - retry[0] == pytest.approx(on_wire + 1.0 + 0.5, abs=0.001)


@virtual
async def test_frames_are_at_least_three_and_a_half_characters_apart() -> None:
    link = device_line(Faults())
    async with running(link, toy("01", *POINTS)):
        await asyncio.sleep(1)
    asked_and_answered = SETTINGS.seconds(len("?01:a\n") + len("!01=A;123\n")) + 0.03
    gaps = [span - asked_and_answered for span in spans([at for at, _ in link.sent])]
    assert min(gaps) >= SETTINGS.seconds(1) * 3.5 - 1e-6
    assert max(gaps) < 0.006


@pytest.mark.parametrize("configured", [False, True], ids=["that nobody configured", "that is configured"])
@virtual
async def test_an_echo_is_no_sign_of_life(configured: bool) -> None:
    link = device_line(Faults(), echo=True)
    link.seats[0].alive = False
    async with running(link, toy("01"), line=Line("l1", "/dev/simulated", echo=configured)) as rig:
        await asyncio.sleep(10)
    assert rig.faults("m01") == ["timeout"]


@virtual
async def test_an_answer_that_comes_slowly_is_waited_for() -> None:
    async with running(device_line(Faults(slow=1.0)), toy("01", timeout=0.1)) as rig:
        await asyncio.sleep(2)
    assert rig.faults("m01") == [None]


@pytest.mark.parametrize(
    ("settings", "pause", "expected"),
    [
        (LineSettings(2400, 8, "even", 1), 0.0, 3.5 * 11 / 2400),
        (LineSettings(9600), 0.0, 3.5 * 10 / 9600),
        (LineSettings(115200), 0.0, 0.00175),
        (LineSettings(9600), 0.02, 0.02),
    ],
    ids=["by the character", "without parity", "never less than 1.75 ms", "what the device needs"],
)
def test_silence(settings: LineSettings, pause: float, expected: float) -> None:
    assert silence(settings, pause) == pytest.approx(expected)


ECHOES = {
    "echo and answer in one piece": ([b"ask+answer"], b"+answer"),
    "echo byte by byte": ([b"a", b"s", b"k", b"+answer"], b"+answer"),
    "echo cut across the answer": ([b"as", b"k+ans", b"wer"], b"+answer"),
    "an adapter that does not echo": ([b"+ans", b"wer"], b"+answer"),
    "an answer equal to the echo": ([b"ask", b"ask"], b"ask"),
}


@pytest.mark.parametrize(("chunks", "left"), ECHOES.values(), ids=ECHOES.keys())
def test_what_was_sent_is_taken_off(chunks: list[bytes], left: bytes) -> None:
    heard, echo = b"", b"ask"
    for chunk in chunks:
        rest = chunk
        if echo:
            rest, echo = without_echo(heard, chunk, echo)
        heard += rest
    assert heard == left
