"""One line and its devices: who is asked, when, and what a bad device costs the good ones."""

import asyncio
from dataclasses import replace

import pytest

from drivers.api import LineSettings
from gateway.settings.models import Line
from gateway.south.poll import Lane
from tests.gateway.south.rig import only, running, spans, values
from tests.gateway.south.toy import SETTINGS, ToyDevice, ToyDriver, toy
from tests.lines import Faults, Seat, SimulatedLine
from tests.virtual import VirtualClock, virtual

LINE = Line("l1", "/dev/simulated")


def seat(address: str, **held: str) -> Seat:
    return Seat(ToyDevice(address, held or {"a": address}), SETTINGS)


@virtual
async def test_a_poll_brings_what_the_device_holds() -> None:
    async with running(SimulatedLine([seat("01", a="230.5", b="5")]), toy("01", "a", "b")) as rig:
        await asyncio.sleep(1)
    assert [values(poll) for poll in rig.polls] == [{"a": "230.5", "b": "5"}]
    assert (rig.polls[0].fault, rig.polls[0].lane, rig.polls[0].line) == (None, Lane.PERIODIC, "l1")


@virtual
async def test_all_devices_are_read_at_once_when_the_gateway_starts() -> None:
    devices = [toy(f"{n:02}") for n in range(20)]
    async with running(SimulatedLine([seat(device.address) for device in devices]), *devices) as rig:
        await asyncio.sleep(2.5)
    assert {poll.device for poll in rig.polls} == {device.id for device in devices}


@virtual
async def test_a_period_of_a_minute_means_a_minute_for_hours() -> None:
    devices = [toy(f"{n:02}") for n in range(10)]
    async with running(SimulatedLine([seat(device.address) for device in devices]), *devices) as rig:
        await asyncio.sleep(4 * 3600)
    for device in devices:
        steady = rig.times(device.id)[1:]
        assert len(steady) in (239, 240)
        assert max(abs(span - 60) for span in spans(steady)) < 0.2
        assert rig.report(device.id).counts.missed == 0


@virtual
async def test_polls_are_staggered_over_the_period() -> None:
    devices = [toy(f"{n:02}") for n in range(6)]
    async with running(SimulatedLine([seat(device.address) for device in devices]), *devices) as rig:
        await asyncio.sleep(125)
    second_round = sorted(rig.times(device.id)[2] for device in devices)
    assert [round(span) for span in spans(second_round)] == [10] * 5


@virtual
async def test_periods_that_a_busy_line_cannot_keep_are_counted() -> None:
    slow = toy("01", *"abcdefgh", period=0.2)  # eight requests of about 50 ms
    held = dict.fromkeys("abcdefgh", "1")
    async with running(SimulatedLine([seat("01", **held)]), slow) as rig:
        await asyncio.sleep(60)
    polled, missed = len(rig.of("m01")), rig.report("m01").counts.missed
    assert missed > 100
    assert polled + missed == pytest.approx(300, abs=3)


@virtual
async def test_verification_overtakes_everything_but_control() -> None:
    device = toy("01", "a")
    order: list[Lane] = []
    async with running(SimulatedLine([seat("01")]), device, watch=lambda poll: order.append(poll.lane)) as rig:
        await asyncio.sleep(1)
        order.clear()
        lanes = (Lane.BACKFILL, Lane.DEMAND, Lane.VERIFY, Lane.CONTROL, Lane.VERIFY)
        await asyncio.gather(*(rig.bus.ask("m01", ("a",), lane) for lane in lanes))
    # the first in the row had the line to itself already when it was free
    assert order == [Lane.CONTROL, Lane.VERIFY, Lane.VERIFY, Lane.DEMAND, Lane.BACKFILL]


@virtual
async def test_a_verification_read_waits_for_one_conversation_at_most() -> None:
    devices = [toy(f"{n:02}", period=0.5) for n in range(40)]  # more than the line can carry
    async with running(SimulatedLine([seat(device.address) for device in devices]), *devices) as rig:
        await asyncio.sleep(20)
        asked = rig.clock.monotonic()
        await rig.bus.ask("m07", lane=Lane.VERIFY)
        assert rig.clock.monotonic() - asked < 0.15


@virtual
async def test_a_wish_that_is_wished_twice_is_read_once() -> None:
    async with running(SimulatedLine([seat("01"), seat("02")]), toy("01"), toy("02")) as rig:
        await asyncio.sleep(1)
        for _ in range(3):
            rig.bus.want("m01")
        rig.bus.want("m02", ("a",))
        await asyncio.sleep(1)
    assert [(poll.device, poll.lane) for poll in rig.polls[2:]] == [("m01", Lane.VERIFY), ("m02", Lane.VERIFY)]


@virtual
async def test_a_device_of_another_line_is_not_asked_here() -> None:
    async with running(SimulatedLine([seat("01")]), toy("01")) as rig:
        with pytest.raises(LookupError, match="'m99' on line l1"):
            await rig.bus.ask("m99")


@virtual
async def test_a_refusal_keeps_the_other_readings_and_is_not_repeated_for_a_day() -> None:
    meter = ToyDevice("01", {"a": "1", "c": "3"})
    async with running(SimulatedLine([Seat(meter, SETTINGS)]), toy("01", "a", "b", "c", period=900)) as rig:
        await asyncio.sleep(86_000)
        assert meter.heard.count("b") == 1
        assert {tuple(values(poll).items()) for poll in rig.polls} == {(("a", "1"), ("c", "3"))}
        assert rig.polls[0].says == "device refused b: no such point (0x02)"
        assert rig.report("m01").refused == ("b",)
        await asyncio.sleep(2000)
        assert meter.heard.count("b") == 2


@virtual
async def test_a_device_that_refuses_all_is_reported_as_refusing_not_as_silent() -> None:
    async with running(SimulatedLine([seat("01", x="1")]), toy("01", "a")) as rig:
        await asyncio.sleep(200)
    assert set(rig.faults("m01")) == {"refused"}
    assert not rig.report("m01").down


@virtual
async def test_points_a_device_is_mute_about_cost_the_line_little() -> None:
    meter = ToyDevice("01", {"a": "1", "b": "2", "c": "3"}, mute=frozenset("b"))
    async with running(SimulatedLine([Seat(meter, SETTINGS)]), toy("01", "a", "b", "c")) as rig:
        await asyncio.sleep(3600)
        assert values(rig.polls[-1]) == {"a": "1", "c": "3"}
        assert rig.report("m01").mute == ("b",)
    assert meter.heard.count("b") == 6  # three polls, asked twice in each
    assert set(rig.faults("m01")) == {None}


@virtual
async def test_a_garbled_answer_is_no_silence() -> None:
    line = SimulatedLine([Seat(ToyDevice("01", {"a": "1"}, garbles=True), SETTINGS)])
    async with running(line, toy("01", "a")) as rig:
        await asyncio.sleep(30)
    assert rig.faults("m01") == ["crc"]
    assert "wrong sum in b'!01=1;7" in rig.polls[0].says
    assert len(line.sent) == 2  # asked again once


@virtual
async def test_a_device_that_falls_silent_is_asked_thrice_at_its_period_and_then_ever_less() -> None:
    one, two = seat("01"), seat("02")
    async with running(SimulatedLine([one, two]), toy("01"), toy("02")) as rig:
        await asyncio.sleep(130)
        two.alive = False
        rig.polls.clear()
        await asyncio.sleep(3600)
        gaps = spans(rig.times("m02"))
        assert [round(gap, -1) for gap in gaps[:6]] == [60, 60, 120, 240, 300, 300]
        assert set(rig.faults("m02")) == {"timeout"}
        assert rig.report("m02").down
        assert max(spans(rig.times("m01"))) < 63.5  # the first visit to the dead: two timeouts and two guards


@virtual
async def test_a_device_that_comes_back_is_polled_at_its_period_at_once() -> None:
    two = seat("02")
    async with running(SimulatedLine([seat("01"), two]), toy("01"), toy("02")) as rig:
        two.alive = False
        await asyncio.sleep(3600)
        two.alive = True
        await asyncio.sleep(310)
        back = next(index for index, fault in enumerate(rig.faults("m02")) if fault is None)
        await asyncio.sleep(600)
        after = rig.times("m02")[back:]
        assert [round(span, -1) for span in spans(after)][:9] == [60] * 9


@virtual
async def test_neighbours_of_a_device_that_comes_back_are_asked_at_once() -> None:
    seats = [seat(f"{n:02}") for n in range(8)]
    async with running(SimulatedLine(seats), *(toy(f"{n:02}") for n in range(8))) as rig:
        await asyncio.sleep(100)
        for dead in seats[2:]:
            dead.alive = False
        await asyncio.sleep(3600)
        for dead in seats[2:]:
            dead.alive = True
        rig.polls.clear()
        await asyncio.sleep(300)
        first = [next(poll.at for poll in rig.of(f"m{n:02}") if poll.fault is None) for n in range(2, 8)]
        assert max(first) - min(first) < 3


@virtual
async def test_a_verification_read_goes_out_to_a_device_that_is_down() -> None:
    two = seat("02")
    async with running(SimulatedLine([seat("01"), two]), toy("01"), toy("02")) as rig:
        two.alive = False
        await asyncio.sleep(3600)
        poll = await rig.bus.ask("m02", lane=Lane.VERIFY)
        assert poll.fault == "timeout"
        two.alive = True
        assert values(await rig.bus.ask("m02", lane=Lane.VERIFY)) == {"a": "02"}
        assert not rig.report("m02").down


@virtual
async def test_ten_dead_of_thirty_do_not_cost_the_living_their_period() -> None:
    seats = [seat(f"{n:02}") for n in range(30)]
    for dead in seats[::3]:
        dead.alive = False
    async with running(SimulatedLine(seats), *(toy(f"{n:02}", period=10.0) for n in range(30))) as rig:
        await asyncio.sleep(3600)
    for n in (n for n in range(30) if n % 3):
        assert len(rig.of(f"m{n:02}")) >= 0.98 * 360
        assert set(rig.faults(f"m{n:02}")) == {None}


@pytest.mark.parametrize("tcp", [False, True], ids=["serial line", "Modbus TCP endpoint"])
@virtual
async def test_one_dead_of_ten_leaves_the_others_95_percent_of_what_is_saturated(tcp: bool) -> None:
    drivers = only(ToyDriver(late_answers_are_harmless=tcp))

    async def polls(dead: int) -> int:
        seats = [seat(f"{n:02}") for n in range(10)]
        for place in seats[:dead]:
            place.alive = False
        line = SimulatedLine(seats, paced=not tcp)
        async with running(line, *(toy(f"{n:02}", period=0.05) for n in range(10)), drivers=drivers) as rig:
            await asyncio.sleep(300)
        return sum(poll.fault is None for poll in rig.polls)

    assert await polls(dead=1) >= 0.95 * await polls(dead=0)


@virtual
async def test_a_device_that_loses_one_answer_is_not_starved_on_a_saturated_line() -> None:
    devices = [toy(f"{n:02}", period=0.05) for n in range(10)]
    line = SimulatedLine([seat(device.address) for device in devices], Faults(loss=0.1), seed=3)
    async with running(line, *devices) as rig:
        await asyncio.sleep(600)
    counts = [sum(poll.fault is None for poll in rig.of(device.id)) for device in devices]
    assert min(counts) > 0.8 * max(counts)


@virtual
async def test_a_babbling_line_is_reported_and_still_polled() -> None:
    line = SimulatedLine([seat("01")], babble=b"\xff\x00\xff")
    async with running(line, toy("01")) as rig:
        await asyncio.sleep(400)
        assert rig.bus.report().stray_bytes + rig.bus.report().late_bytes > 100
    assert len(rig.of("m01")) >= 4


@virtual
async def test_a_driver_with_a_fault_of_its_own_does_not_stop_the_line(caplog: pytest.LogCaptureFixture) -> None:
    drivers = {"toy": ToyDriver(), "broken": ToyDriver(breaks=True)}
    broken, two = replace(toy("01"), driver="broken"), toy("02")
    async with running(SimulatedLine([seat("01"), seat("02")]), broken, two, drivers=drivers.__getitem__) as rig:
        await asyncio.sleep(130)
    assert set(rig.faults("m01")) == {"unreachable"}
    assert "the driver broken failed" in rig.of("m01")[0].says
    assert len(caplog.records) == 1  # with every poll it would fill the disk
    assert set(rig.faults("m02")) == {None}


@virtual
async def test_a_point_that_the_profile_does_not_have_is_said_and_not_asked() -> None:
    line = SimulatedLine([seat("01")])
    async with running(line, toy("01")) as rig:
        await asyncio.sleep(1)
        sent = len(line.sent)
        poll = await rig.bus.ask("m01", ("colour",))
        assert (poll.fault, poll.says) == ("unreachable", "profile toy has no colour")
        assert len(line.sent) == sent


@virtual
async def test_who_waits_for_a_result_is_told_when_the_line_is_closed() -> None:
    async with running(SimulatedLine([seat("01")]), toy("01")) as rig:
        await asyncio.sleep(1)
        asks = [asyncio.create_task(rig.bus.ask("m01")) for _ in range(2)]
        await asyncio.sleep(0.01)
        rig.bus.close()
        assert all(
            isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*asks, return_exceptions=True)
        )
    assert len(rig.polls) == 1  # what was cut off is no evidence


@virtual
async def test_a_step_of_the_wall_clock_does_not_disturb_the_periods() -> None:
    async with running(SimulatedLine([seat("01")]), toy("01", period=10.0)) as rig:
        await asyncio.sleep(100)
        rig.clock.step(-86_400)
        await asyncio.sleep(100)
    assert len(rig.polls) in (20, 21, 22)


@virtual
async def test_the_line_reports_what_it_did() -> None:
    two = seat("02")
    two.alive = False
    async with running(SimulatedLine([seat("01"), two]), toy("01"), toy("02")) as rig:
        await asyncio.sleep(600)
        report = rig.bus.report()
        living, dead = report.devices
        assert (report.open, report.says, report.reopened) == (True, "", 0)
        assert 0 < report.utilisation < 0.05
        assert living.counts.good == living.counts.polls == living.counts.answers
        assert 30 < living.round_trip_ms < 60
        assert (living.down, dead.down, dead.last_answer_s) == (False, True, None)
        assert dead.counts.timeouts == dead.counts.polls + dead.counts.retries
        assert (living.success, dead.success) == (1.0, 0.0)
        assert report.success == pytest.approx(living.counts.good / (living.counts.polls + dead.counts.polls))
        assert dead.utilisation + living.utilisation == pytest.approx(report.utilisation)
        assert (report.retries, report.late_answers) == (dead.counts.retries, 0)
        assert report.round_trip_ms == living.round_trip_ms
        assert report.last_answer_s == living.last_answer_s


@virtual
async def test_the_last_frames_are_kept_for_whoever_looks() -> None:
    async with running(SimulatedLine([seat("01")]), toy("01", period=1.0)) as rig:
        await asyncio.sleep(500)
        frames = rig.bus.trace.frames()
        clock = VirtualClock()
    assert len(frames) == 200
    assert [(frame.direction, frame.data, frame.device) for frame in frames[:2]] == [
        ("out", b"?01:a\n", "m01"),
        ("in", b"!01=01;347\n", "m01"),
    ]
    assert clock.wall() - 101 < frames[0].at < clock.wall() + 500


@virtual
async def test_devices_with_other_line_settings_share_a_line() -> None:
    slow = LineSettings(baud=2400, parity="even")
    seats = [seat("01"), Seat(ToyDevice("02", {"a": "02"}), slow)]
    async with running(SimulatedLine(seats), toy("01", period=5.0), toy("02", period=5.0, wire=slow)) as rig:
        await asyncio.sleep(100)
    assert set(rig.faults("m01") + rig.faults("m02")) == {None}


@virtual
async def test_a_line_that_moves_says_so_idle_or_in_a_long_conversation() -> None:
    points = [f"p{n}" for n in range(400)]  # 20 s of requests
    link = SimulatedLine([Seat(ToyDevice("01", dict.fromkeys(points, "1")), SETTINGS)])
    async with running(link, toy("01", *points, period=3600.0)) as rig:
        for _ in range(60):
            await asyncio.sleep(1)
            assert rig.clock.monotonic() - rig.bus.beat <= 10
